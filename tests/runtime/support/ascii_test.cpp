// Tests of what counts as a digit, a control byte, a blank and the same letter.

#include "runtime/support/ascii.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace appd::support;

TEST_SUITE("ascii") {
  TEST_CASE("each byte is what ASCII says") {
    int digits = 0, controls = 0, raised = 0, letters = 0;
    for (int value = -128; value < 128; ++value) {
      const char c = static_cast<char>(value);
      digits += is_digit(c) ? 1 : 0;
      controls += is_control(c) ? 1 : 0;
      raised += to_lower(c) != c ? 1 : 0;
      letters += is_letter(c) ? 1 : 0;
    }
    CHECK(digits == 10);
    CHECK(controls == 33);
    CHECK(raised == 26);
    CHECK(letters == 52);
    CHECK(is_letter('a'));
    CHECK(is_letter('Z'));
    CHECK(is_control('\x7f'));
    CHECK(is_control('\0'));
    CHECK_FALSE(is_control(' '));
    CHECK(to_lower('Z') == 'z');
    CHECK(to_lower('A') == 'a');
    CHECK(to_lower('[') == '[');
  }

  TEST_CASE("capitals are the letters that are lowered") {
    for (int value = -128; value < 128; ++value) {
      const char c = static_cast<char>(value);
      CHECK(is_capital(c) == (to_lower(c) != c));
    }
  }

  TEST_CASE("a name of an environment variable is what a shell takes") {
    for (const char* const name : {"A", "_", "a1", "PATH_2", "_9z"}) CHECK(is_name(name));
    for (const char* const text : {"", "1", "1A", "A-B", "A B", "A.", "\xc3\xa4"}) {
      CAPTURE(text);
      CHECK_FALSE(is_name(text));
    }
  }

  TEST_CASE("digits are one or more") {
    CHECK(is_digits("0"));
    CHECK(is_digits("0189"));
    CHECK_FALSE(is_digits(""));
    CHECK_FALSE(is_digits("1 "));
    CHECK_FALSE(is_digits("-1"));
  }

  TEST_CASE("case is ignored in letters alone") {
    CHECK(same_ignoring_case("Content-LENGTH", "content-length"));
    CHECK(same_ignoring_case("", ""));
    CHECK_FALSE(same_ignoring_case("content", "content-length"));
    CHECK_FALSE(same_ignoring_case("content-length", "content"));
    CHECK_FALSE(same_ignoring_case("@", "`"));
  }

  TEST_CASE("blanks go at both ends, and stay within") {
    CHECK(trim(" \t a b\r") == "a b");
    CHECK(trim("a") == "a");
    CHECK(trim(" \r\t") == "");
    CHECK(trim("") == "");
    CHECK(trim("\na\n") == "\na\n");
  }
}
