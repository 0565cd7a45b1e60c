#include "runtime/supervisor/respawn_brake.hpp"

#include <doctest/doctest.h>

using appd::supervisor::RespawnBrake;
using namespace std::chrono_literals;

namespace {

constexpr RespawnBrake::Life kCannotStart{};

RespawnBrake::Life idle(std::chrono::nanoseconds served) {
  return {1s, served, false};
}

RespawnBrake::Life busy(std::chrono::nanoseconds start, std::chrono::nanoseconds served) {
  return {start, served, true};
}

}  // namespace

TEST_SUITE("respawn brake") {
  TEST_CASE("the first restart is immediate, then pauses double up to thirty seconds") {
    RespawnBrake brake;
    for (const auto pause : {0s, 1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
      CHECK(brake.on_death(kCannotStart) == pause);
    }
  }

  TEST_CASE("a worker that served long enough is replaced at once, and the doubling starts anew") {
    RespawnBrake brake;
    for (int i = 0; i < 5; ++i) brake.on_death(idle(1s));
    CHECK(brake.on_death(idle(RespawnBrake::kLongEnough)) == 0s);
    CHECK(brake.on_death(kCannotStart) == 1s);
    CHECK(brake.on_death(kCannotStart) == 2s);
  }

  TEST_CASE("a worker that served almost long enough, and nobody, died young") {
    RespawnBrake brake;
    brake.on_death(kCannotStart);
    CHECK(brake.on_death(idle(RespawnBrake::kLongEnough - 1ns)) == 1s);
    CHECK(brake.on_death(idle(RespawnBrake::kLongEnough - 1ns)) == 2s);
  }

  TEST_CASE("workers that requests kill are replaced at once, however many") {
    RespawnBrake brake;
    for (int i = 0; i < 5; ++i) brake.on_death(kCannotStart);
    for (int i = 0; i < 20; ++i) CHECK(brake.on_death(busy(500ms, 600ms)) == 0s);
    CHECK(brake.on_death(kCannotStart) == 1s);
  }

  TEST_CASE("one that is killed before it has served as long as its start took waits the rest") {
    RespawnBrake brake;
    CHECK(brake.on_death(busy(500ms, 100ms)) == 400ms);
    CHECK(brake.on_death(busy(500ms, 0s)) == 500ms);
    CHECK(brake.on_death(busy(1ms, 0s)) == RespawnBrake::kShortestTurn);
    CHECK(brake.on_death(busy(1min, 0s)) == RespawnBrake::kLongestTurn);
  }
}
