// Tests of what is called back when time has gone by, with stand-ins for connections.

#include "runtime/net/waiting_connections.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>

#include "fakes/recording_reporter.hpp"

using namespace appd;
using namespace appd::test;
using Clock = net::EventLoop::Clock;
using net::WaitingConnections;

namespace {

/// A connection that has a deadline for so many checks.
struct Stub final : net::Waiting {
  explicit Stub(int deadlines = 0) : checks_due(deadlines) {}

  bool check_deadline(Clock::time_point) override {
    ++checks;
    if (on_check) on_check();
    return checks < checks_due;
  }
  void try_again() override {
    ++tries;
    if (on_try) on_try();
  }

  const int checks_due;
  int checks = 0;
  int tries = 0;
  std::function<void()> on_check;
  std::function<void()> on_try;
};

/// The loop is the test's thread's.
struct Waiters {
  /// Runs the loop until that is true.
  template <typename Condition>
  void run_until(Condition condition) {
    while (!condition()) loop.run_one();
  }
  /// Runs the loop for as long as two checks take, so that what is not to come would have come.
  void run_on() {
    bool over = false;
    net::EventLoop::Timer timer(loop, [&] { over = true; });
    timer.expire_after(2 * WaitingConnections::kWatchInterval);
    run_until([&] { return over; });
  }

  net::EventLoop loop;
  RecordingReporter reporter;
  net::OutgoingMemory memory{1 << 20, "/nowhere", nullptr, reporter};
  WaitingConnections waiting{loop, memory};
};

}  // namespace

TEST_SUITE("waiting connections") {
  TEST_CASE("a deadline is looked at until there is none, each time after the interval") {
    Waiters all;
    const auto once = std::make_shared<Stub>(1);
    const auto thrice = std::make_shared<Stub>(3);
    const Clock::time_point begun = Clock::now();
    all.waiting.watch(once);
    all.waiting.watch(thrice);
    all.run_until([&] { return thrice->checks == 3; });
    CHECK(Clock::now() - begun >= 3 * WaitingConnections::kWatchInterval);
    CHECK(once->checks == 1);
    CHECK(once.use_count() == 1);
    CHECK(thrice.use_count() == 1);
    all.run_on();
    CHECK(thrice->checks == 3);
  }

  TEST_CASE("a deadline may be watched from within a check") {
    Waiters all;
    const auto first = std::make_shared<Stub>(1);
    const auto second = std::make_shared<Stub>(1);
    first->on_check = [&] { all.waiting.watch(second); };
    all.waiting.watch(first);
    all.run_until([&] { return second->checks == 1; });
    CHECK(first->checks == 1);
  }

  TEST_CASE("what the kernel had no memory for is tried again once, after the pause") {
    Waiters all;
    const auto one = std::make_shared<Stub>();
    const auto other = std::make_shared<Stub>();
    const Clock::time_point begun = Clock::now();
    all.waiting.try_again_later(one);
    all.waiting.try_again_later(other);
    all.run_until([&] { return other->tries == 1; });
    CHECK(Clock::now() - begun >= WaitingConnections::kMemoryPause);
    CHECK(one->tries == 1);
    CHECK(one.use_count() == 1);
    CHECK(one->checks == 0);
    all.run_on();
    CHECK(one->tries == 1);
    CHECK(other->tries == 1);
  }

  TEST_CASE("what still finds no memory is tried again once more") {
    Waiters all;
    const auto one = std::make_shared<Stub>();
    one->on_try = [&] {
      if (one->tries == 1) all.waiting.try_again_later(one);
    };
    all.waiting.try_again_later(one);
    all.run_until([&] { return one->tries == 2; });
    CHECK(one->checks == 0);
  }

  TEST_CASE("after a stop none is called, nor kept") {
    Waiters all;
    const auto watched = std::make_shared<Stub>(1);
    const auto starved = std::make_shared<Stub>();
    all.waiting.watch(watched);
    all.waiting.try_again_later(starved);
    all.waiting.stop();
    CHECK(watched.use_count() == 1);
    CHECK(starved.use_count() == 1);
    all.run_on();
    CHECK(watched->checks == 0);
    CHECK(starved->tries == 0);
  }
}
