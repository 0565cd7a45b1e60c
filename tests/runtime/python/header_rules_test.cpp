// Tests of what statuses and headers may contain.

#include "runtime/python/header_rules.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace appd::python;

TEST_SUITE_BEGIN("header rules");

TEST_CASE("a value may hold any byte but control bytes, wherever it is") {
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        for (const char other : {'a', '\x20', '\xff', '\x80', '\x7e'}) {
          std::string value(size, other);
          value[at] = static_cast<char>(byte);
          const bool expected = byte >= 0x20 && byte != 0x7F;
          if (is_header_value(value) == expected) continue;
          CAPTURE(size);
          CAPTURE(at);
          CAPTURE(byte);
          FAIL("wrong");
        }
      }
    }
  }
  CHECK(is_header_value(""));
}

TEST_CASE("the server's own headers are known in any case of letters, and no others") {
  for (const char* name :
       {"Connection", "KEEP-ALIVE", "Proxy-Authenticate", "proxy-authorization", "TE", "Trailer",
        "Trailers", "Transfer-Encoding", "upgrade", "Proxy-Connection", "Status"}) {
    CAPTURE(name);
    CHECK(is_servers_own(name));
    CHECK_FALSE(is_servers_own(std::string(name) + "s2"));
    CHECK_FALSE(is_servers_own(std::string(name).replace(0, 1, "X")));
  }
  for (std::size_t size = 0; size < 100; ++size) {
    CHECK_FALSE(is_servers_own(std::string(size, 'x')));
  }
}

TEST_SUITE_END();
