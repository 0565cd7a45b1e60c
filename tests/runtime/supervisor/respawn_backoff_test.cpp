// Tests of the pauses between restarts.

#include "runtime/supervisor/respawn_backoff.hpp"

#include <doctest/doctest.h>

using appd::supervisor::RespawnBackoff;
using namespace std::chrono_literals;

namespace {

constexpr RespawnBackoff::Life kCannotStart{};

RespawnBackoff::Life idle(std::chrono::nanoseconds served) {
  return {1s, served, false};
}

RespawnBackoff::Life busy(std::chrono::nanoseconds start, std::chrono::nanoseconds served) {
  return {start, served, true};
}

}  // namespace

TEST_SUITE("respawn backoff") {
  TEST_CASE("the first restart is immediate, then pauses double up to thirty seconds") {
    RespawnBackoff backoff;
    for (const auto pause : {0s, 1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
      CHECK(backoff.on_death(kCannotStart) == pause);
    }
  }

  TEST_CASE("a worker that served long enough is replaced at once, and the doubling starts anew") {
    RespawnBackoff backoff;
    for (int i = 0; i < 5; ++i) backoff.on_death(idle(1s));
    CHECK(backoff.on_death(idle(RespawnBackoff::kLongEnough)) == 0s);
    CHECK(backoff.on_death(kCannotStart) == 1s);
    CHECK(backoff.on_death(kCannotStart) == 2s);
  }

  TEST_CASE("a worker that served almost long enough, and nobody, died young") {
    RespawnBackoff backoff;
    backoff.on_death(kCannotStart);
    CHECK(backoff.on_death(idle(RespawnBackoff::kLongEnough - 1ns)) == 1s);
    CHECK(backoff.on_death(idle(RespawnBackoff::kLongEnough - 1ns)) == 2s);
  }

  TEST_CASE("workers that requests kill are replaced at once, however many") {
    RespawnBackoff backoff;
    for (int i = 0; i < 5; ++i) backoff.on_death(kCannotStart);
    for (int i = 0; i < 20; ++i) CHECK(backoff.on_death(busy(500ms, 600ms)) == 0s);
    CHECK(backoff.on_death(kCannotStart) == 1s);
  }

  TEST_CASE("one that is killed before it has served as long as its start took waits the rest") {
    RespawnBackoff backoff;
    CHECK(backoff.on_death(busy(500ms, 100ms)) == 400ms);
    CHECK(backoff.on_death(busy(500ms, 0s)) == 500ms);
    CHECK(backoff.on_death(busy(1ms, 0s)) == RespawnBackoff::kShortestTurn);
    CHECK(backoff.on_death(busy(1min, 0s)) == RespawnBackoff::kLongestTurn);
  }
}
