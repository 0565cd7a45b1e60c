// Tests of what counts as a port.

#include "runtime/support/port_number.hpp"

#include <doctest/doctest.h>

using appd::support::port_number;

TEST_SUITE("port number") {
  TEST_CASE("a port is a number from 0 to 65535, written in one way") {
    CHECK(port_number("0") == 0);
    CHECK(port_number("80") == 80);
    CHECK(port_number("65535") == 65535);
    for (const char* text : {"", "00", "080", "65536", "18446744073709551696", "+80", "-1", " 80",
                             "80 ", "8x", "0x50", "http"}) {
      CAPTURE(text);
      CHECK(port_number(text) == std::nullopt);
    }
  }
}
