// Tests of names that are logged once.

#include "runtime/net/told_names.hpp"

#include <doctest/doctest.h>

using appd::net::ToldNames;

TEST_SUITE("told names") {
  TEST_CASE("a name is new once") {
    ToldNames told;
    CHECK(told.is_new("HTTPS"));
    CHECK(told.is_new("SERVER_NAME"));
    CHECK_FALSE(told.is_new("HTTPS"));
  }

  TEST_CASE("whoever makes names up, there is an end of it") {
    ToldNames told;
    CHECK_FALSE(told.is_new(std::string(ToldNames::kLongest + 1, 'X')));
    for (std::size_t i = 0; i < ToldNames::kMost; ++i) CHECK(told.is_new(std::to_string(i)));
    CHECK_FALSE(told.is_new("one more"));
  }
}
