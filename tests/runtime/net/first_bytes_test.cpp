// Tests of a connection's first bytes.

#include "runtime/net/first_bytes.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace appd;
using net::FirstBytes;
using Kind = FirstBytes::Kind;

TEST_SUITE("first bytes") {
  TEST_CASE("bytes that tell the protocol at once are not kept") {
    FirstBytes first;
    CHECK(first.look("GET / HTTP/1.1\r\n").kind == Kind::http);
    CHECK(first.empty());
    CHECK(first.take().empty());
  }

  TEST_CASE("bytes are kept until they tell, with those that did") {
    const std::string request = "GET / HTTP/1.1\r\n\r\n";
    FirstBytes first;
    std::size_t fed = 0;
    while (fed < request.size()) {
      const auto found = first.look(request.substr(fed++, 1));
      if (found.kind != Kind::undecided) {
        CHECK(found.kind == Kind::http);
        break;
      }
      CHECK_FALSE(first.empty());
    }
    CHECK(fed > 1);
    CHECK(first.take() == request.substr(0, fed));
    CHECK(first.empty());
  }
}
