// Tests of percentiles and of the histogram's precision.

#include "bench/load/latencies.hpp"

#include <doctest/doctest.h>

namespace appd::load {
namespace {
using std::chrono::nanoseconds;
}

TEST_SUITE("latencies") {
  TEST_CASE("without requests all is 0") {
    const Latencies none;
    CHECK(none.count() == 0);
    CHECK(none.max() == nanoseconds(0));
    CHECK(none.percentile(0.5) == nanoseconds(0));
  }

  TEST_CASE("a percentile is the smallest time within which that share was answered") {
    Latencies some;
    for (int value = 1; value <= 1000; ++value) some.add(nanoseconds(value));
    CHECK(some.count() == 1000);
    CHECK(some.percentile(0) == nanoseconds(1));
    CHECK(some.percentile(0.5) == nanoseconds(500));
    CHECK(some.percentile(0.99) == nanoseconds(990));
    CHECK(some.percentile(0.999) == nanoseconds(999));
    CHECK(some.percentile(1) == nanoseconds(1000));
    CHECK(some.max() == nanoseconds(1000));
  }

  TEST_CASE("any time is told to 0.1 %, never too small") {
    for (std::int64_t value = 1; value < std::int64_t{3'600'000'000'000}; value += value / 7 + 1) {
      Latencies one;
      one.add(nanoseconds(value));
      one.add(nanoseconds(4 * value));  // so that the largest does not cut the bucket
      const std::int64_t told = one.percentile(0.5).count();
      CAPTURE(value);
      CHECK(told >= value);
      CHECK(told - value <= value / 1000);
    }
  }

  TEST_CASE("the largest is exact") {
    Latencies some;
    some.add(nanoseconds(5));
    some.add(nanoseconds(123'456'789));
    CHECK(some.max() == nanoseconds(123'456'789));
    CHECK(some.percentile(0.999) == nanoseconds(123'456'789));
  }
}

}  // namespace appd::load
