// Tests that first bytes tell the protocols apart.

#include <doctest/doctest.h>

#include <string>

#include "protocol/decoder.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;
using Kind = Sniffed::Kind;

TEST_SUITE("sniff") {
  TEST_CASE("the first byte tells the protocols that are served") {
    for (const unsigned first : {0u, 30u, 100u, 5u, 17u, 98u, 110u, 173u, 255u}) {
      CAPTURE(first);
      const auto sniffed = sniff(bytes({first}));
      CHECK_EQ(sniffed.kind, Kind::wire);
      CHECK_EQ(sniffed.wire, Wire::uwsgi);
    }
    CHECK_EQ(sniff(bytes({1})).kind, Kind::wire);
    CHECK_EQ(sniff(bytes({1})).wire, Wire::fastcgi);
    for (char digit = '0'; digit <= '9'; ++digit) {
      const auto sniffed = sniff(std::string(1, digit));
      CHECK_EQ(sniffed.kind, Kind::wire);
      CHECK_EQ(sniffed.wire, Wire::scgi);
    }
  }

  TEST_CASE("HTTP and TLS need a second byte") {
    for (const std::string text :
         {"GET / HTTP/1.1", "POST", "OPTIONS", "PRI * HTTP/2.0", "M-SEARCH"}) {
      CAPTURE(text);
      CHECK_EQ(sniff(text.substr(0, 1)).kind, Kind::undecided);
      CHECK_EQ(sniff(text.substr(0, 2)).kind, Kind::http);
      CHECK_EQ(sniff(text).kind, Kind::http);
    }
    CHECK_EQ(sniff(bytes({0x16})).kind, Kind::undecided);
    CHECK_EQ(sniff(bytes({0x16, 3})).kind, Kind::tls);
    CHECK_EQ(sniff(bytes({0x16, 3, 1, 2, 0, 1, 0, 1})).kind, Kind::tls);
    CHECK_EQ(sniff(bytes({22, 9, 0, 0})).wire, Wire::uwsgi);
    CHECK_EQ(sniff(bytes({22, 9, 0, 0})).kind, Kind::wire);
  }

  TEST_CASE("other bytes are nothing known") {
    for (const unsigned first : {2u, 13u, 58u, 64u, 91u, 113u, 128u, 254u}) {
      CAPTURE(first);
      CHECK_EQ(sniff(bytes({first})).kind, Kind::unknown);
    }
    CHECK_EQ(sniff("Get").kind, Kind::unknown);
    CHECK_EQ(sniff("H\x05").kind, Kind::unknown);
    CHECK_EQ(sniff("").kind, Kind::undecided);
  }

  TEST_CASE("two bytes always decide, and what is decided stays") {
    for (unsigned first = 0; first < 256; ++first) {
      for (unsigned second = 0; second < 256; ++second) {
        const auto one = sniff(bytes({first}));
        const auto two = sniff(bytes({first, second}));
        REQUIRE_NE(two.kind, Kind::undecided);
        if (one.kind != Kind::undecided) REQUIRE_EQ(one.kind, two.kind);
      }
    }
  }
}

}  // namespace
}  // namespace appd::protocol
