// Tests of the limit for repeated lines.

#include "runtime/logging/repeat_limiter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace appd::logging;
using appd::gateway::LogEvent;
using namespace std::chrono_literals;

namespace {

const RepeatLimiter::Clock::time_point kStart{1h};

std::vector<std::pair<LogEvent, std::uint64_t>> owed(RepeatLimiter& limiter,
                                                     RepeatLimiter::Clock::time_point now) {
  std::vector<std::pair<LogEvent, std::uint64_t>> all;
  limiter.take_owed(
      now, [&all](LogEvent event, std::uint64_t count) { all.emplace_back(event, count); });
  return all;
}

}  // namespace

TEST_SUITE("repeat limiter") {
  TEST_CASE("one line in a second goes through for each event, and the others are counted") {
    RepeatLimiter limiter;
    CHECK(limiter.admit(LogEvent::request_bad, kStart));
    CHECK(limiter.admit(LogEvent::queue_full, kStart));
    CHECK_FALSE(limiter.owes());
    for (int i = 0; i < 5; ++i) CHECK_FALSE(limiter.admit(LogEvent::request_bad, kStart + 999ms));
    CHECK(limiter.owes());
    CHECK(owed(limiter, kStart + 999ms).empty());
    const auto all = owed(limiter, kStart + 1s);
    REQUIRE(all.size() == 1);
    CHECK(all[0] == std::pair(LogEvent::request_bad, std::uint64_t{5}));
    CHECK_FALSE(limiter.owes());
    CHECK(limiter.admit(LogEvent::request_bad, kStart + 1s));
    CHECK_FALSE(limiter.admit(LogEvent::request_bad, kStart + 1500ms));
  }

  TEST_CASE("what nobody repeats is never counted") {
    RepeatLimiter limiter;
    for (int i = 0; i < 10; ++i) CHECK(limiter.admit(LogEvent::request_too_large, kStart + i * 1s));
    CHECK(owed(limiter, kStart + 1h).empty());
  }
}
