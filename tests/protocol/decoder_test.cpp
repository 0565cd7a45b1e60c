#include "protocol/decoder.hpp"

#include <doctest/doctest.h>

#include "protocol/decoder_cases.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

TEST_SUITE("decoder") {
  TEST_CASE("each wire gets its own") {
    const auto fastcgi = begin(1) + params(1, fastcgi_pairs({{"A", "1"}})) + params(1, "");
    const auto uwsgi = uwsgi_packet(uwsgi_block({{"A", "1"}}));
    const auto scgi = netstring(scgi_headers({{"CONTENT_LENGTH", "0"}}));
    CHECK_EQ(decode(Wire::fastcgi, fastcgi, 99).events.front(), "request 1 close");
    CHECK_EQ(decode(Wire::uwsgi, uwsgi, 99).events.front(), "request 0 close");
    CHECK_EQ(decode(Wire::scgi, scgi, 99).events.front(), "request 0 close");
  }

  TEST_CASE("wires have the names that people know") {
    CHECK_EQ(name(Wire::fastcgi), "FastCGI");
    CHECK_EQ(name(Wire::uwsgi), "uwsgi");
    CHECK_EQ(name(Wire::scgi), "SCGI");
  }
}

}  // namespace
}  // namespace appd::protocol
