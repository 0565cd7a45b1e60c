// Tests of escaped text and of times.

#include "runtime/logging/line.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace appd::logging;
using namespace std::chrono_literals;

namespace {

std::string text(std::string_view raw) {
  Line line;
  append_text(line, raw);
  return fmt::to_string(line);
}

std::string quoted(std::string_view raw) {
  Line line;
  append_quoted(line, raw);
  return fmt::to_string(line);
}

}  // namespace

TEST_SUITE("line") {
  TEST_CASE("text: what is printable stays, also beyond ASCII") {
    for (const std::string_view raw :
         {"plain \"text\" with \\ and \t", "caf\xc3\xa9", "\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80",
          "\xe2\x82\xac", "\xed\x9f\xbf", "\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xf3\xa0\x80\x81",
          "\xf4\x8f\xbf\xbf"}) {
      CHECK(text(raw) == raw);
    }
  }

  TEST_CASE("text: control characters and broken UTF-8 become escapes") {
    CHECK(text("a\nb\r\x1b[31m\x7f") == "a\\x0ab\\x0d\\x1b[31m\\x7f");
    CHECK(text(std::string_view("\0", 1)) == "\\x00");
    CHECK(text("\xc2\x9b") == "\\xc2\\x9b");                    // a control character of ISO 8859
    CHECK(text("\xc0\xaf") == "\\xc0\\xaf");                    // longer than necessary
    CHECK(text("\xe0\x9f\xbf") == "\\xe0\\x9f\\xbf");           // the same
    CHECK(text("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // half of a surrogate pair
    CHECK(text("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond Unicode
    CHECK(text("\xe2\x82") == "\\xe2\\x82");                    // cut
    CHECK(text("\xe2\x82x") == "\\xe2\\x82x");
    CHECK(text("\xff\x80 ok") == "\\xff\\x80 ok");
  }

  TEST_CASE("quoted: only what cannot end the quotation stays") {
    CHECK(quoted("GET /a?b=c d~") == "GET /a?b=c d~");
    CHECK(quoted("\" \\ \n\t\x7f\xc3\xa9") == "\\x22 \\x5c \\x0a\\x09\\x7f\\xc3\\xa9");
  }

  TEST_CASE("times are UTC") {
    const std::chrono::system_clock::time_point time{1'795'167'086'123ms};
    Line iso;
    append_iso_time(iso, time);
    CHECK(fmt::to_string(iso) == "2026-11-20T09:31:26.123Z");
    Line common;
    append_common_time(common, time);
    CHECK(fmt::to_string(common) == "20/Nov/2026:09:31:26 +0000");
  }
}
