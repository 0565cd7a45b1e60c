// Tests of --max-crashes with a fake clock.

#include "runtime/supervisor/crash_limit.hpp"

#include <doctest/doctest.h>

using appd::config::MaxCrashes;
using appd::supervisor::Clock;
using appd::supervisor::CrashLimit;
using namespace std::chrono_literals;

namespace {

constexpr Clock::time_point at(std::chrono::milliseconds time) {
  return Clock::time_point{} + time;
}

}  // namespace

TEST_SUITE("crash limit") {
  TEST_CASE("without a rate it never says stop") {
    CrashLimit limit(std::nullopt);
    for (int i = 0; i < 1000; ++i) CHECK_FALSE(limit.on_crash(at(0s)));
  }

  TEST_CASE("one more than are borne within the time is one too many") {
    CrashLimit limit(MaxCrashes{3, 10s});
    CHECK_FALSE(limit.on_crash(at(1s)));
    CHECK_FALSE(limit.on_crash(at(2s)));
    CHECK_FALSE(limit.on_crash(at(2s)));
    CHECK(limit.on_crash(at(10'999ms)));
  }

  TEST_CASE("a death is forgotten when the time is over") {
    CrashLimit limit(MaxCrashes{3, 10s});
    for (const auto time : {0s, 1s, 2s}) CHECK_FALSE(limit.on_crash(at(time)));
    CHECK_FALSE(limit.on_crash(at(10s)));
    CHECK_FALSE(limit.on_crash(at(11s)));
    CHECK(limit.on_crash(at(11s)));
  }

  TEST_CASE("a steady rate below the limit goes on for ever") {
    CrashLimit limit(MaxCrashes{2, 10s});
    for (int i = 0; i < 1000; ++i) CHECK_FALSE(limit.on_crash(at(i * 5s)));
    CHECK(limit.on_crash(at(999 * 5s)));
  }

  TEST_CASE("none are borne: the first is one too many") {
    CrashLimit limit(MaxCrashes{0, 1s});
    CHECK(limit.on_crash(at(5s)));
  }
}
