// Tests of what counts as a whole number.

#include "runtime/support/whole_number.hpp"

#include <doctest/doctest.h>

#include <limits>

using appd::support::whole_number;

TEST_SUITE("whole number") {
  TEST_CASE("digits are a number, up to 64 bits") {
    CHECK(whole_number("0") == 0);
    CHECK(whole_number("007") == 7);
    CHECK(whole_number("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
    CHECK(whole_number("0640", 8) == 0640);
  }

  TEST_CASE("anything else is none") {
    for (const char* text :
         {"", " 1", "1 ", "+1", "-1", "1.0", "0x1", "1\n", "one", "1a", "18446744073709551616"}) {
      CAPTURE(text);
      CHECK(whole_number(text) == std::nullopt);
    }
    CHECK(whole_number("8", 8) == std::nullopt);
  }
}
