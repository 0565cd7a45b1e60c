// Tests of reading and writing dates.

#include "runtime/support/http_date.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

using namespace appd::support;

namespace {

constexpr std::optional<Seconds> kInvalid = std::nullopt;

struct Row {
  const char* text;
  std::optional<Seconds> expected;
};

const Row kRows[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784'111'777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784'111'777},
    {"Sun Nov  6 08:49:37 1994", 784'111'777},
    {"Wed Nov 16 08:49:37 1994", 784'975'777},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
    {"Tuesday, 31-Dec-69 23:59:59 GMT", 3'155'759'999},
    {"Fri, 31 Dec 9999 23:59:59 GMT", 253'402'300'799},
    {"Thu, 29 Feb 2024 12:00:00 GMT", 1'709'208'000},
    {"Mon, 06 Nov 1994 08:49:37 GMT", 784'111'777},
    {"Sat, 31 Dec 2016 23:59:60 GMT", 1'483'228'800},
    {"", kInvalid},
    {"784111777", kInvalid},
    {"Sun, 06 Nov 1994 08:49:37", kInvalid},
    {"Sun, 06 Nov 1994 08:49:37 UTC", kInvalid},
    {"Sun, 06 Nov 1994 08:49:37 GMT; length=7", kInvalid},
    {"Sun, 6 Nov 1994 08:49:37 GMT", kInvalid},
    {"Sun,  6 Nov 1994 08:49:37 GMT", kInvalid},
    {"Sun, 06 nov 1994 08:49:37 GMT", kInvalid},
    {"Sun, 06 Now 1994 08:49:37 GMT", kInvalid},
    {"Foo, 06 Nov 1994 08:49:37 GMT", kInvalid},
    {"Sunday, 06 Nov 1994 08:49:37 GMT", kInvalid},
    {"Sun, 06-Nov-94 08:49:37 GMT", kInvalid},
    {"Sun, 00 Nov 1994 08:49:37 GMT", kInvalid},
    {"Sun, 31 Nov 1994 08:49:37 GMT", kInvalid},
    {"Tue, 29 Feb 2023 12:00:00 GMT", kInvalid},
    {"Sun, 06 Nov 1994 24:00:00 GMT", kInvalid},
    {"Sun, 06 Nov 1994 08:60:00 GMT", kInvalid},
    {"Sun, 06 Nov 1994 08:49:61 GMT", kInvalid},
    {"Sun, 06 Nov 1994 8:49:37 GMT", kInvalid},
    {"Wed, 31 Dec 1969 23:59:59 GMT", kInvalid},
    {"Sun, 06 Nov 19940 08:49:37 GMT", kInvalid},
    {"Sun, 06 Nov +994 08:49:37 GMT", kInvalid},
    {"Sun, ", kInvalid},
    {"Sun Nov 6 08:49:37 1994", kInvalid},
    {"Sun Nov  6 08:49:37 1994 ", kInvalid},
    {"SunNov  6 08:49:37 1994", kInvalid},
    {"Sun", kInvalid},
};

}  // namespace

TEST_SUITE("http date") {
  TEST_CASE("three forms are read, and nothing else") {
    for (const Row& row : kRows) {
      CAPTURE(row.text);
      CHECK(parse_http_date(row.text) == row.expected);
    }
  }

  TEST_CASE("one form is written, within four digits of years") {
    CHECK(format_http_date(784'111'777) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(format_http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(format_http_date(253'402'300'799) == "Fri, 31 Dec 9999 23:59:59 GMT");
    CHECK(format_http_date(253'402'300'800) == "");
    CHECK(format_http_date(-1) == "");
  }

  TEST_CASE("what is written is read as the same time") {
    for (Seconds time = 0; time < 253'402'300'800; time += 86'400 * 97 + 3'607) {
      CHECK(parse_http_date(format_http_date(time)) == time);
    }
  }

  TEST_CASE("no part of a date is a date") {
    const std::string date = "Sunday, 06-Nov-94 08:49:37 GMT";
    for (std::size_t size = 0; size < date.size(); ++size) {
      CHECK(parse_http_date(date.substr(0, size)) == kInvalid);
    }
  }
}
