// Tests of dates in HTTP's format.

#include "runtime/support/http_date.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace appd::support {

TEST_SUITE("http date") {
  TEST_CASE("dates, and the nearest one that can be shown") {
    CHECK(HttpDate(784111777).text() == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(HttpDate(0).text() == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(HttpDate(951782399).text() == "Mon, 28 Feb 2000 23:59:59 GMT");
    CHECK(HttpDate(951782400).text() == "Tue, 29 Feb 2000 00:00:00 GMT");
    CHECK(HttpDate(std::numeric_limits<std::time_t>::max()).text() ==
          "Fri, 31 Dec 9999 23:59:59 GMT");
    CHECK(HttpDate(std::numeric_limits<std::time_t>::min()).text() ==
          "Sat, 01 Jan 0000 00:00:00 GMT");
  }
}

}  // namespace appd::support
