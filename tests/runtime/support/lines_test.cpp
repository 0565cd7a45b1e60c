// Tests of texts that are taken apart into lines.

#include "runtime/support/lines.hpp"

#include <doctest/doctest.h>

using namespace appd::support;

TEST_SUITE("lines") {
  TEST_CASE("a text is taken apart line by line, with or without an end of the last one") {
    for (std::string_view text : {"one\n\nthree", "one\n\nthree\n"}) {
      CHECK(first_line(text) == "one");
      CHECK(take_line(text) == "one");
      CHECK(take_line(text) == "");
      CHECK(take_line(text) == "three");
      CHECK(text.empty());
      CHECK(take_line(text) == "");
    }
  }
}
