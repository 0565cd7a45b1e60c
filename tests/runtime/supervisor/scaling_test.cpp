// Tests of how the number of workers follows the load.

#include "runtime/supervisor/scaling.hpp"

#include <doctest/doctest.h>

using namespace appd::supervisor;
using namespace std::chrono_literals;

namespace {

const Clock::time_point kStart{};
constexpr ScalingLimits kTwoToFour{2, 4, 60s};

Occupancy with(unsigned workers, unsigned busy) {
  return {workers, workers, 4, busy};
}

}  // namespace

TEST_SUITE("scaling") {
  TEST_CASE("one more starts when requests wait, up to the most, and not while one starts") {
    Scaling scaling(kTwoToFour);
    CHECK(scaling.on_overloaded(kStart, with(2, 8)));
    CHECK_FALSE(scaling.on_overloaded(kStart, {3, 2, 4, 8}));
    CHECK(scaling.on_overloaded(kStart, with(3, 12)));
    CHECK_FALSE(scaling.on_overloaded(kStart, with(4, 16)));
  }

  TEST_CASE("one goes when one fewer was enough for long, then the next after as long again") {
    Scaling scaling(kTwoToFour);
    CHECK_FALSE(scaling.on_look(kStart, with(4, 12)));
    CHECK_FALSE(scaling.on_look(kStart + 59s, with(4, 12)));
    CHECK(scaling.on_look(kStart + 60s, with(4, 12)));
    CHECK_FALSE(scaling.on_look(kStart + 61s, with(3, 0)));
    CHECK_FALSE(scaling.on_look(kStart + 119s, with(3, 0)));
    CHECK(scaling.on_look(kStart + 120s, with(3, 0)));
    CHECK_FALSE(scaling.on_look(kStart + 1000s, with(2, 0)));
  }

  TEST_CASE("a moment in which all were needed begins the time anew") {
    Scaling scaling(kTwoToFour);
    scaling.on_look(kStart, with(4, 0));
    CHECK_FALSE(scaling.on_look(kStart + 50s, with(4, 13)));
    CHECK_FALSE(scaling.on_look(kStart + 60s, with(4, 0)));
    CHECK_FALSE(scaling.on_look(kStart + 119s, with(4, 0)));
    CHECK(scaling.on_look(kStart + 120s, with(4, 0)));
  }

  TEST_CASE("so does a request that had to wait between two looks") {
    Scaling scaling(kTwoToFour);
    scaling.on_look(kStart, with(4, 0));
    scaling.on_overloaded(kStart + 30s, with(4, 16));
    CHECK_FALSE(scaling.on_look(kStart + 60s, with(4, 0)));
    CHECK(scaling.on_look(kStart + 90s, with(4, 0)));
  }
}
