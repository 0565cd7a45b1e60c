// Tests of reason phrases.

#include "runtime/gateway/reason_phrase.hpp"

#include <doctest/doctest.h>

using appd::gateway::reason_phrase;

TEST_SUITE("reason phrase") {
  TEST_CASE("each status has its own, whatever the table's order") {
    CHECK(reason_phrase(200) == "OK");
    CHECK(reason_phrase(226) == "IM Used");
    CHECK(reason_phrase(301) == "Moved Permanently");
    CHECK(reason_phrase(404) == "Not Found");
    CHECK(reason_phrase(431) == "Request Header Fields Too Large");
    CHECK(reason_phrase(511) == "Network Authentication Required");
    unsigned known = 0;
    for (unsigned status = 0; status < 1000; ++status) known += reason_phrase(status) != "Unknown";
    CHECK(known == 56);
  }

  TEST_CASE("what is not registered is not known") {
    for (const unsigned status : {0u, 100u, 199u, 209u, 306u, 418u, 499u, 512u, 999u}) {
      CAPTURE(status);
      CHECK(reason_phrase(status) == "Unknown");
    }
  }
}
