#include "runtime/logging/repeat_limiter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace appd::logging;
using appd::gateway::Cause;
using namespace std::chrono_literals;

namespace {

const RepeatLimiter::Clock::time_point kStart{1h};

std::vector<std::pair<Cause, std::uint64_t>> owed(RepeatLimiter& limiter,
                                                  RepeatLimiter::Clock::time_point now) {
  std::vector<std::pair<Cause, std::uint64_t>> all;
  limiter.take_owed(now,
                    [&all](Cause cause, std::uint64_t count) { all.emplace_back(cause, count); });
  return all;
}

}  // namespace

TEST_SUITE("repeat limiter") {
  TEST_CASE("one line in a second goes through for each cause, and the others are counted") {
    RepeatLimiter limiter;
    CHECK(limiter.admit(Cause::bad_request, kStart));
    CHECK(limiter.admit(Cause::overload, kStart));
    CHECK_FALSE(limiter.owes());
    for (int i = 0; i < 5; ++i) CHECK_FALSE(limiter.admit(Cause::bad_request, kStart + 999ms));
    CHECK(limiter.owes());
    CHECK(owed(limiter, kStart + 999ms).empty());
    const auto all = owed(limiter, kStart + 1s);
    REQUIRE(all.size() == 1);
    CHECK(all[0] == std::pair(Cause::bad_request, std::uint64_t{5}));
    CHECK_FALSE(limiter.owes());
    CHECK(limiter.admit(Cause::bad_request, kStart + 1s));
    CHECK_FALSE(limiter.admit(Cause::bad_request, kStart + 1500ms));
  }

  TEST_CASE("what nobody repeats is never counted") {
    RepeatLimiter limiter;
    for (int i = 0; i < 10; ++i) CHECK(limiter.admit(Cause::too_large, kStart + i * 1s));
    CHECK(owed(limiter, kStart + 1h).empty());
  }

  TEST_CASE("each cause has a name of its own") {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < appd::gateway::kCauses; ++i) {
      const std::string text(name(static_cast<Cause>(i)));
      CHECK(std::find(names.begin(), names.end(), text) == names.end());
      names.push_back(text);
    }
  }
}
