// Tests of gaps in which a process stood still.

#include "runtime/support/running_time.hpp"

#include <doctest/doctest.h>

#include <optional>

using appd::support::RunningTime;
using namespace std::chrono_literals;

namespace {

const RunningTime::Clock::time_point kStart{1h};

}  // namespace

TEST_SUITE("running time") {
  TEST_CASE("while the process runs it is the time itself") {
    RunningTime time(kStart);
    CHECK(time.read(kStart) == kStart);
    CHECK(time.read(kStart + 50ms) == kStart + 50ms);
    time.expect_wait(10s);
    CHECK(time.read(kStart + 10s) == kStart + 10s);
    time.expect_wait(std::nullopt);
    CHECK(time.read(kStart + 9h) == kStart + 9h);
    CHECK(time.read(kStart + 9h + RunningTime::kUsual) == kStart + 9h + RunningTime::kUsual);
  }

  TEST_CASE("what a reading is late does not count") {
    RunningTime time(kStart);
    CHECK(time.read(kStart + 60s) == kStart + RunningTime::kUsual);
    CHECK(time.read(kStart + 60s + 10ms) == kStart + RunningTime::kUsual + 10ms);
    time.expect_wait(5s);
    CHECK(time.read(kStart + 2h) == kStart + 2 * RunningTime::kUsual + 10ms);
  }

  TEST_CASE("a wait that is a little late is a little shorter for it") {
    RunningTime time(kStart);
    time.expect_wait(10s);
    const auto before = time.read(kStart + 10s + RunningTime::kUsual);
    CHECK(before == kStart + 10s + RunningTime::kUsual);
    time.expect_wait(10s);
    CHECK(time.read(kStart + 20s + 2 * RunningTime::kUsual + 50ms) == before + 9s + 250ms);
  }

  TEST_CASE("a wait is announced for one reading") {
    RunningTime time(kStart);
    time.expect_wait(5s);
    time.read(kStart + 1s);
    CHECK(time.read(kStart + 4s) == kStart + 1s + RunningTime::kUsual);
  }

  TEST_CASE("moments that others have noted lie on the same line") {
    RunningTime time(kStart);
    CHECK(time.at(kStart - 1s) == kStart - 1s);
    const auto first = time.read(kStart + 60s);  // a gap from kUsual on
    const auto second = time.read(kStart + 200s);
    CHECK(time.at(kStart + 200s) == second);
    CHECK(time.at(kStart + 201s) == second + 1s);
    CHECK(time.at(kStart + 60s) == first);
    CHECK(time.at(kStart + 60s + 100ms) == first + 100ms);
    CHECK(time.at(kStart + 150s) == first + RunningTime::kUsual);  // in the second gap
    CHECK(time.at(kStart + 30s) == first);                         // in the first
    CHECK(time.at(kStart + 50ms) == kStart + 50ms);
    CHECK(time.at(kStart - 1s) == kStart - 1s);
  }

  TEST_CASE("of many gaps the last ones are known") {
    RunningTime time(kStart);
    auto now = kStart;
    auto running = kStart;
    for (int i = 0; i < 200; ++i) running = time.read(now += 10s);
    CHECK(time.at(now) == running);
    CHECK(time.at(now - 10s) == running - RunningTime::kUsual);
    CHECK(time.at(now - 300s) == running - 30 * RunningTime::kUsual);
  }
}
