// Tests of the inline comparison at every length.

#include "runtime/support/same_text.hpp"

#include <doctest/doctest.h>

#include <string>

using appd::support::same_text;

TEST_SUITE("same text") {
  TEST_CASE("texts of every length are equal to themselves and differ by any one byte") {
    for (std::size_t size = 0; size < 70; ++size) {
      CAPTURE(size);
      const std::string text(size, 'a');
      CHECK(same_text(text, std::string(size, 'a')));
      CHECK_FALSE(same_text(text, text + 'a'));
      CHECK_FALSE(same_text(text + 'a', text));
      for (std::size_t at = 0; at < size; ++at) {
        std::string other = text;
        other[at] = 'b';
        CHECK_FALSE(same_text(text, other));
      }
    }
  }
}
