// Tests of threads that do not come back, without threads.

#include "runtime/pool/stuck_threads.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <mutex>
#include <vector>

#include "fakes/busy_server.hpp"
#include "fakes/front_protocols.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::LogEvent;

namespace {

using Clock = net::EventLoop::Clock;
using Request = pool::RequestQueue::Request;

/// A worker of two threads, neither of which runs.
struct Bench {
  explicit Bench(pool::QueueLimits limits = {100, 0ms}, bool shares = false)
      : queue(limits, slots.size(), load),
        watch(server.loop, queue, load, leadership, slots.size(), shares),
        stuck(server.loop, threads, queue, watch, load) {}

  /// A front's request that a pool thread is to run.
  Request ask(std::vector<FrontSocket>& fronts) {
    fronts.push_back(server.begin(request(Speech::scgi, {"/asked"})));
    return server.pool.waiting.back();
  }
  /// A front whose request waits.
  FrontSocket queue_one() {
    FrontSocket front = server.begin(request(Speech::scgi, {"/asked"}));
    REQUIRE(queue.push(server.pool.waiting.back(), slots.size()));
    return front;
  }
  /// The thread is in a call. Returns the sequence of its slot.
  std::uint32_t begin_call(unsigned thread, const net::WireExchange& exchange) {
    slots[thread].begin(1, "GET", "/");
    threads[thread]->call = &exchange;
    return slots[thread].sequence;
  }
  std::size_t size() {
    const std::lock_guard lock(queue.mutex());
    return queue.size_locked();
  }
  std::size_t refused() const { return server.reporter.count(LogEvent::queue_timeout); }

  static std::vector<std::unique_ptr<pool::Member>> members(std::vector<ipc::ThreadSlot>& of) {
    std::vector<std::unique_ptr<pool::Member>> made;
    for (ipc::ThreadSlot& slot : of) {
      const auto id = static_cast<pool::Leadership::Member>(made.size());
      made.push_back(std::make_unique<pool::Member>(id, &slot));
    }
    return made;
  }

  BusyServer server;
  ipc::WorkerLoad load;
  pool::Leadership leadership;
  std::vector<ipc::ThreadSlot> slots{2};
  const std::vector<std::unique_ptr<pool::Member>> threads = members(slots);
  pool::RequestQueue queue;
  pool::QueueWatch watch;
  pool::StuckThreads stuck;
};

}  // namespace

TEST_SUITE("stuck threads") {
  TEST_CASE("a request whose thread does not get into the interpreter goes back to the queue") {
    Bench bench;
    std::vector<FrontSocket> fronts;
    const Request first = bench.ask(fronts);
    const Clock::time_point begun = Clock::now();
    bench.threads[0]->entry.begin(first, begun);
    bench.stuck.watch_entries();
    REQUIRE(bench.server.run_until([&] { return bench.queue.any(); }));
    CHECK(Clock::now() - begun >= 50ms);
    CHECK(bench.load.stalled == 1);
    CHECK(bench.threads[0]->entry.finish().request == nullptr);
    CHECK(bench.queue.take() == first);
  }

  TEST_CASE("a thread that is in by then keeps its request") {
    Bench bench;
    std::vector<FrontSocket> fronts;
    const Request first = bench.ask(fronts);
    const Clock::time_point begun = Clock::now();
    bench.threads[0]->entry.begin(first, begun);
    bench.stuck.watch_entries();
    CHECK(bench.threads[0]->entry.finish().request == first);
    bench.server.run_to(begun + 80ms);
    CHECK_FALSE(bench.queue.any());
    CHECK(bench.load.stalled == 0);
  }

  TEST_CASE("a thread that came later is looked at again") {
    Bench bench;
    std::vector<FrontSocket> fronts;
    const Request late = bench.ask(fronts), later = bench.ask(fronts);
    const Clock::time_point begun = Clock::now();
    bench.threads[0]->entry.begin(late, begun - 1h);
    bench.threads[1]->entry.begin(later, begun + 60ms);
    bench.stuck.watch_entries();
    REQUIRE(bench.server.run_until([&] { return bench.size() == 2; }));
    CHECK(Clock::now() - begun >= 110ms);
  }

  TEST_CASE("threads that keep coming do not put off the look at the first") {
    Bench bench;
    std::vector<FrontSocket> fronts;
    bench.threads[0]->entry.begin(bench.ask(fronts), Clock::now());
    bench.stuck.watch_entries();
    const Clock::time_point end = Clock::now() + 50ms;
    bench.server.run_until([&] {
      bench.stuck.watch_entries();
      return bench.server.loop.now() >= end;
    });
    CHECK(bench.queue.any());
  }

  TEST_CASE("what is taken back goes to an idle peer in the same turn") {
    Bench bench({100, 0ms}, true);
    std::vector<FrontSocket> fronts;
    bench.threads[0]->entry.begin(bench.ask(fronts), Clock::now());
    bench.stuck.watch_entries();
    REQUIRE(bench.server.run_until([&] { return bench.load.stalled == 1; }));
    CHECK(bench.server.peers.given.size() == 1);
    CHECK_FALSE(bench.queue.any());
  }

  TEST_CASE("without peers it stays, and is refused when it has waited for its whole time") {
    Bench bench({100, 60ms});
    std::vector<FrontSocket> fronts;
    const Request first = bench.ask(fronts);
    bench.threads[0]->entry.begin(first, Clock::now());
    bench.stuck.watch_entries();
    REQUIRE(bench.server.run_until([&] { return bench.load.stalled == 1; }));
    CHECK(bench.server.peers.given.empty());
    REQUIRE(bench.server.run_until([&] { return bench.refused() == 1; }));
    CHECK(Clock::now() - first->queued_since() >= 60ms);
  }

  TEST_CASE("the call of a thread is known until it ends") {
    Bench bench;
    std::vector<FrontSocket> fronts;
    const Request first = bench.ask(fronts), second = bench.ask(fronts);
    const std::uint32_t sequence = bench.begin_call(0, *first);
    CHECK(bench.stuck.call_of(0, sequence) == first.get());
    CHECK(bench.stuck.call_of(1, bench.slots[1].sequence) == nullptr);
    bench.slots[0].end();
    CHECK(bench.stuck.call_of(0, sequence) == nullptr);
    const std::uint32_t next = bench.begin_call(0, *second);
    CHECK(bench.stuck.call_of(0, sequence) == nullptr);
    CHECK(bench.stuck.call_of(0, next) == second.get());
  }

  TEST_CASE("what waits is refused when the last thread is given up") {
    Bench bench;
    std::vector<FrontSocket> fronts;
    const Request one = bench.ask(fronts), other = bench.ask(fronts);
    FrontSocket first = bench.queue_one();
    FrontSocket second = bench.queue_one();
    bench.stuck.give_up(0, bench.begin_call(0, *one));
    CHECK(bench.size() == 2);
    bench.stuck.give_up(1, bench.begin_call(1, *other));
    CHECK_FALSE(bench.queue.any());
    for (FrontSocket* const front : {&first, &second}) {
      CHECK(response_in(Speech::scgi, front->receive()).status() == "503");
    }
    CHECK(bench.server.reporter.count(LogEvent::queue_timeout, {"stuck"}) == 2);
  }

  TEST_CASE("a thread that has come back since it was given up serves what waits") {
    Bench bench;
    std::vector<FrontSocket> fronts;
    const Request one = bench.ask(fronts), other = bench.ask(fronts);
    bench.stuck.give_up(0, bench.begin_call(0, *one));
    bench.slots[0].end();
    FrontSocket front = bench.queue_one();
    bench.stuck.give_up(1, bench.begin_call(1, *other));
    CHECK(bench.size() == 1);
  }

  TEST_CASE("one that waits for the interpreter beside one that was given up is stuck as well") {
    Bench bench;
    std::vector<FrontSocket> fronts;
    const Request one = bench.ask(fronts);
    bench.threads[1]->entry.begin(bench.ask(fronts), Clock::now());
    bench.stuck.give_up(0, bench.begin_call(0, *one));
    bench.stuck.watch_entries();
    REQUIRE(bench.server.run_until([&] { return bench.load.stalled == 1; }));
    CHECK(bench.refused() == 1);
    CHECK_FALSE(bench.queue.any());
  }

  TEST_CASE("one that is in a call beside it is not") {
    Bench bench;
    std::vector<FrontSocket> fronts;
    const Request one = bench.ask(fronts), other = bench.ask(fronts);
    bench.load.stalled = 1;
    bench.begin_call(1, *other);
    FrontSocket front = bench.queue_one();
    bench.stuck.give_up(0, bench.begin_call(0, *one));
    CHECK(bench.size() == 1);
  }

  TEST_CASE("threads that only wait for the interpreter are not stuck: it may be free again soon") {
    Bench bench;
    bench.load.stalled = 1;
    FrontSocket front = bench.queue_one();
    bench.stuck.on_queued();
    bench.server.run_to(bench.server.loop.now() + 2ms);
    CHECK(bench.size() == 1);
  }

  TEST_CASE("a request that comes when all are stuck is refused at the loop's next turn") {
    Bench bench;
    std::vector<FrontSocket> fronts;
    const Request one = bench.ask(fronts), other = bench.ask(fronts);
    bench.stuck.give_up(0, bench.begin_call(0, *one));
    bench.stuck.give_up(1, bench.begin_call(1, *other));
    FrontSocket front = bench.queue_one();
    bench.stuck.on_queued();
    CHECK(bench.size() == 1);
    CHECK(bench.server.run_until([&] { return !bench.queue.any(); }));
    CHECK(response_in(Speech::scgi, front.receive()).status() == "503");
  }
}
