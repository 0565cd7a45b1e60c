#include "runtime/supervisor/respawn_brake.hpp"

#include <doctest/doctest.h>

using appd::supervisor::RespawnBrake;
using namespace std::chrono_literals;

TEST_SUITE("respawn brake") {
  TEST_CASE("the first restart is immediate, then pauses double up to thirty seconds") {
    RespawnBrake brake;
    for (const auto pause : {0s, 1s, 2s, 4s, 8s, 16s, 30s, 30s}) CHECK(brake.on_death(0s) == pause);
  }

  TEST_CASE("a worker that served long enough is replaced at once, and the doubling starts anew") {
    RespawnBrake brake;
    for (int i = 0; i < 5; ++i) brake.on_death(1s);
    CHECK(brake.on_death(RespawnBrake::kLongEnough) == 0s);
    CHECK(brake.on_death(0s) == 1s);
    CHECK(brake.on_death(0s) == 2s);
  }

  TEST_CASE("a worker that served almost long enough died young") {
    RespawnBrake brake;
    brake.on_death(0s);
    CHECK(brake.on_death(RespawnBrake::kLongEnough - 1ns) == 1s);
    CHECK(brake.on_death(RespawnBrake::kLongEnough - 1ns) == 2s);
  }
}
