// Tests of heartbeats and measured use.

#include "runtime/supervisor/worker_monitor.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;

namespace {

const Clock::time_point kStart{1h};

std::int64_t nanoseconds(Clock::time_point when) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
}

/// The same moment of the master's clock as a worker notes it. (That clock may be behind the steady
/// one, for another test's sake.)
std::int64_t noted(Clock::time_point when) {
  const Clock::duration time = when.time_since_epoch();
  const Clock::time_point taken_for_steady = Clock::at(std::chrono::steady_clock::time_point(time));
  return nanoseconds(when + (when - taken_for_steady));
}

/// Has this process, to the master's clock, stood still for a while: that clock is behind the
/// steady one by what is returned.
Clock::duration stand_still() {
  const auto lag = [] {
    return std::chrono::steady_clock::now().time_since_epoch() - Clock::now().time_since_epoch();
  };
  lag();
  std::this_thread::sleep_for(500ms);  // no wait of this length was announced
  return lag();
}

/// Workers as far as their master's books go; each "process" is this one.
struct Office {
  explicit Office(unsigned places, bool of_this_program = true) : scoreboard(places, 2) {
    plan.workers = plan.most_workers = places;
    plan.threads = 2;
    plan.origin = of_this_program ? Origin::master : Origin::inherited;
    for (unsigned index = 0; index < places; ++index) workers.push_back({"worker", index});
  }

  Slot& make_ready(unsigned index, Clock::time_point now = kStart) {
    Slot& worker = workers[index];
    worker.life.want(now);
    worker.life.on_tick(now);
    worker.life.on_started(now, std::nullopt);
    worker.life.on_ready(now);
    worker.process.emplace();
    worker.process->pid = ::getpid();
    monitor().on_ready(*worker.process, index, now);
    return worker;
  }
  Slot& adopt(unsigned index, SlotLifecycle::Found found) {
    Slot& worker = workers[index];
    worker.life.adopt(kStart, found);
    worker.process.emplace();
    worker.process->pid = ::getpid();
    worker.retired_at = kStart;
    return worker;
  }
  void respond(unsigned index, int requests) {
    for (int i = 0; i < requests; ++i) {
      scoreboard.worker(index)[0].begin(1, "GET", "/");
      scoreboard.worker(index)[0].end();
    }
  }
  WorkerMonitor monitor() const { return WorkerMonitor(plan, scoreboard); }

  GenerationPlan plan;
  ipc::Scoreboard scoreboard;
  std::vector<Slot> workers;
};

}  // namespace

TEST_SUITE("worker monitor") {
  TEST_CASE("without anything to look for there is none") {
    Office office(2);
    CHECK_FALSE(office.monitor().is_needed());
    office.plan.heartbeat = 8s;
    CHECK(office.monitor().is_needed());
    CHECK(office.monitor().interval() == 2s);
    office.plan.recycling.requests = 1;
    CHECK(office.monitor().interval() < 1s);
    office.plan.recycling = {};
    office.plan.heartbeat = 0s;
    office.plan.most_workers = 3;
    CHECK(office.monitor().is_needed());
    CHECK(office.monitor().interval() < 1s);
  }

  TEST_CASE("a worker owes a sign of life from its readiness on") {
    Office office(1);
    office.plan.heartbeat = 2s;
    const Slot& worker = office.make_ready(0);
    const WorkerMonitor monitor = office.monitor();
    CHECK_FALSE(monitor.silence(worker, kStart + 2s - 1ns).has_value());
    CHECK(monitor.silence(worker, kStart + 2s) == 2s);
    office.scoreboard.loads()[0].alive.store(noted(kStart + 1s));
    CHECK_FALSE(monitor.silence(worker, kStart + 2s).has_value());
    CHECK(monitor.silence(worker, kStart + 3s) == 2s);
    office.plan.heartbeat = 0s;
    CHECK_FALSE(monitor.silence(worker, kStart + 1h).has_value());
  }

  TEST_CASE("also while it ends, but not when it is killed") {
    Office office(1);
    office.plan.heartbeat = 2s;
    Slot& worker = office.make_ready(0);
    worker.life.retire(kStart, 30s);
    CHECK(office.monitor().silence(worker, kStart + 5s) == 5s);
    worker.life.retire_at_once();
    CHECK_FALSE(office.monitor().silence(worker, kStart + 5s).has_value());
  }

  TEST_CASE("one that is told to end before it was ready owes none") {
    Office office(1);
    office.plan.heartbeat = 2s;
    Slot& worker = office.workers[0];
    worker.life.want(kStart);
    worker.life.on_tick(kStart);
    worker.life.on_started(kStart, std::nullopt);
    worker.process.emplace();
    worker.life.retire(kStart, 30s);
    CHECK_FALSE(office.monitor().silence(worker, kStart + 1h).has_value());
  }

  TEST_CASE("one of another program owes a reply to its retirement only") {
    Office office(3, false);
    office.plan.heartbeat = 2s;
    const WorkerMonitor monitor = office.monitor();
    CHECK_FALSE(
        monitor.silence(office.adopt(0, SlotLifecycle::Found::ready), kStart + 1h).has_value());
    Slot& retired = office.adopt(1, SlotLifecycle::Found::retired);
    CHECK(monitor.silence(retired, kStart + 3s) == 3s);
    retired.process->heard_at = kStart + 2s;
    CHECK_FALSE(monitor.silence(retired, kStart + 3s).has_value());
    Slot& stopped = office.adopt(2, SlotLifecycle::Found::retired);
    stopped.life.retire(kStart, 30s);
    CHECK_FALSE(monitor.silence(stopped, kStart + 1h).has_value());
  }

  TEST_CASE("a worker is used up by what it has done itself") {
    Office office(2);
    office.plan.recycling.requests = 3;
    office.respond(1, 5);  // by who had the place before
    Slot& worker = office.make_ready(1);
    const WorkerMonitor monitor = office.monitor();
    office.respond(1, 2);
    CHECK_FALSE(monitor.recycling_reason(worker, kStart).has_value());
    office.respond(0, 9);
    CHECK_FALSE(monitor.recycling_reason(worker, kStart).has_value());
    office.respond(1, 1);
    const auto why = monitor.recycling_reason(worker, kStart);
    REQUIRE(why);
    CHECK(why->find("it has answered 3 requests (--max-requests)") == 0);
  }

  TEST_CASE("a worker is used up by time since its readiness, and by memory") {
    Office office(1);
    office.plan.recycling.lifetime = 1h;
    CHECK_FALSE(
        office.monitor().recycling_reason(office.make_ready(0), kStart + 1h - 1ns).has_value());
    CHECK(office.monitor().recycling_reason(office.workers[0], kStart + 1h).has_value());

    Office small(1);
    small.plan.recycling.memory = 1;  // byte
    CHECK(small.monitor()
              .recycling_reason(small.make_ready(0), kStart)
              .value()
              .find("--max-memory") != std::string::npos);
    // Not again at once: the kernel walks over all pages for it.
    CHECK_FALSE(small.monitor().recycling_reason(small.workers[0], kStart + 1s).has_value());
    CHECK(small.monitor().recycling_reason(small.workers[0], kStart + 1min).has_value());
  }

  TEST_CASE("it counts who is wanted, who is ready, and what they do") {
    Office office(4);
    const WorkerMonitor monitor = office.monitor();
    CHECK(monitor.occupancy(office.workers).workers == 0);
    office.make_ready(0);
    office.make_ready(1).life.release();  // goes on until it is replaced
    office.workers[2].life.want(kStart);
    auto loads = office.scoreboard.loads();
    loads[0].running.store(2);
    loads[0].waiting.store(1);
    loads[1].running.store(1);
    loads[2].running.store(7);   // nobody is there
    loads[1].waiting.store(-1);  // read between two changes
    const Occupancy seen = monitor.occupancy(office.workers);
    CHECK(seen.workers == 2);
    CHECK(seen.ready == 1);
    CHECK(seen.threads == 2);
    CHECK(seen.busy == 3);
  }

  TEST_CASE("signs of life count however long the master has stood still in all") {
    const Clock::duration lag = stand_still();
    REQUIRE(lag > 200ms);
    Office office(1);
    office.plan.heartbeat = office.plan.graceful_timeout = lag / 4;
    const Clock::time_point now = Clock::now() + lag;  // it has run again since
    const Slot& worker = office.make_ready(0, now - 1h);
    office.scoreboard.loads()[0].alive.store(nanoseconds(now + lag));
    CHECK_FALSE(office.monitor().silence(worker, now).has_value());
  }

  TEST_CASE("whatever a worker writes of itself, its master bears it") {
    constexpr std::array kNasty{std::numeric_limits<std::int64_t>::min(),
                                std::numeric_limits<std::int64_t>::max(), std::int64_t{-1}};
    Office office(1);
    office.plan.heartbeat = 8s;
    office.plan.graceful_timeout = 30s;
    const Slot& worker = office.make_ready(0);
    ipc::WorkerLoad& load = office.scoreboard.loads()[0];
    for (const std::int64_t value : kNasty) {
      load.alive.store(value);
      const auto silence = office.monitor().silence(worker, kStart + 1h);
      CHECK(silence.has_value() == (value < 0));
    }
    load.running.store(std::numeric_limits<int>::max());
    load.waiting.store(std::numeric_limits<int>::max());
    CHECK(office.monitor().occupancy(office.workers).busy <= 1'000'000);
    load.running.store(std::numeric_limits<int>::min());
    load.waiting.store(std::numeric_limits<int>::min());
    CHECK(office.monitor().occupancy(office.workers).busy == 0);
  }
}
