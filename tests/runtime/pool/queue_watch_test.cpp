// Tests of what becomes of requests that wait, without threads.

#include "runtime/pool/queue_watch.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "fakes/busy_server.hpp"
#include "fakes/front_protocols.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::LogEvent;
using pool::RequestQueue;

namespace {

using Clock = net::EventLoop::Clock;
using Times = std::vector<Clock::time_point>;

/// A worker's loop and queue. Its threads are in calls unless `load` says otherwise.
struct Bench {
  explicit Bench(pool::QueueLimits limits = {100, 0ms}, bool shares = true, unsigned threads = 2)
      : queue(limits, threads, load),
        watch(server.loop, queue, load, leadership, threads, shares),
        threads_(threads) {
    load.running = static_cast<int>(threads);
  }

  /// A front whose request waits.
  FrontSocket ask() {
    FrontSocket front = server.begin(request(Speech::scgi, {"/asked"}));
    push_new();
    return front;
  }
  /// Puts the newest request into the queue.
  void push_new() {
    REQUIRE(queue.push(server.pool.waiting.back(), threads_));
    watch.begin();
  }
  void let_io_thread_lead() { leadership.give(static_cast<pool::Leadership::Member>(threads_)); }
  Clock::time_point queued(std::size_t number) const {
    return server.pool.waiting[number]->queued_since();
  }
  std::size_t size() {
    const std::lock_guard lock(queue.mutex());
    return queue.size_locked();
  }
  /// Until the loop's clock is so much later, lets requests keep coming: one at each turn.
  void keep_beginning(Clock::duration time) {
    const Clock::time_point end = Clock::now() + time;
    while (server.loop.now() < end) {
      watch.begin();
      server.loop.post([] {});
      server.loop.run_one();
    }
  }
  std::size_t refused() const { return server.reporter.count(LogEvent::queue_timeout); }

  BusyServer server;
  ipc::WorkerLoad load;
  pool::Leadership leadership;
  RequestQueue queue;
  pool::QueueWatch watch;

 private:
  const unsigned threads_;
};

}  // namespace

TEST_SUITE("queue watch") {
  TEST_CASE("a request goes to an idle peer once it has waited for a millisecond") {
    Bench bench;
    FrontSocket front = bench.ask();
    bench.watch.share();
    CHECK(bench.server.peers.given.empty());
    REQUIRE(bench.server.run_until([&] { return !bench.server.peers.given.empty(); }));
    CHECK(bench.server.loop.now() - bench.queued(0) >= 1ms);
    CHECK_FALSE(bench.queue.any());
    CHECK(bench.server.peers.given.front().bytes.find("/asked") != std::string::npos);
  }

  TEST_CASE("it goes at once when the I/O thread leads, for the calls here are not short then") {
    Bench bench;
    bench.let_io_thread_lead();
    FrontSocket front = bench.ask();
    bench.watch.share();
    CHECK(bench.server.peers.given.size() == 1);
  }

  TEST_CASE("it stays while a thread here is about to take it") {
    Bench bench;
    bench.load.running = 1;
    FrontSocket front = bench.ask();
    bench.server.run_to(bench.queued(0) + 3ms);
    CHECK(bench.server.peers.given.empty());
    CHECK(bench.size() == 1);
    bench.load.running = 2;
    CHECK(bench.server.run_until([&] { return !bench.server.peers.given.empty(); }));
  }

  TEST_CASE("it stays in a worker that has no peers") {
    Bench bench({100, 0ms}, false);
    FrontSocket front = bench.ask();
    bench.server.run_to(bench.queued(0) + 3ms);
    CHECK_FALSE(bench.watch.shares());
    CHECK(bench.server.peers.given.empty());
    CHECK(bench.size() == 1);
  }

  TEST_CASE("requests that keep coming do not put off the first one's turn") {
    Bench bench;
    FrontSocket front = bench.ask();
    bench.keep_beginning(1ms);
    CHECK(bench.server.peers.given.size() == 1);
    Bench busy({100, 150ms}, false);
    FrontSocket other = busy.ask();
    busy.keep_beginning(150ms);
    CHECK(busy.refused() == 1);
    int told = 0;
    Bench loaded({100, 0ms}, false);
    loaded.watch.set_waiting([&] { ++told; });
    FrontSocket third = loaded.ask();
    loaded.keep_beginning(100ms);
    CHECK(told == 1);
  }

  TEST_CASE("requests that cannot go keep their order, and a younger one that can goes") {
    Bench bench;
    bench.let_io_thread_lead();
    // Two on one connection: neither can leave without the other.
    FrontSocket both = bench.server.begin(request(Speech::fastcgi_kept, {.path = "/1", .id = 1}) +
                                          request(Speech::fastcgi_kept, {.path = "/2", .id = 2}));
    REQUIRE(bench.server.pool.waiting.size() == 2);
    for (const auto& each : bench.server.pool.waiting) REQUIRE(bench.queue.push(each, 2));
    REQUIRE(bench.queued(0) == bench.queued(1));
    FrontSocket third = bench.ask();
    bench.watch.share();
    CHECK(bench.server.peers.given.size() == 1);
    CHECK(bench.queue.take() == bench.server.pool.waiting[0]);
    CHECK(bench.queue.take() == bench.server.pool.waiting[1]);
    CHECK_FALSE(bench.queue.any());
  }

  TEST_CASE("while no peer is idle only the oldest is offered, and again and again") {
    Bench bench;
    bench.let_io_thread_lead();
    bench.server.peers.idle = false;
    FrontSocket first = bench.ask();
    FrontSocket second = bench.ask();
    bench.server.peers.asked = 0;
    bench.watch.share();
    CHECK(bench.server.peers.asked == 1);
    CHECK(bench.size() == 2);
    CHECK(bench.server.run_until([&] { return bench.server.peers.asked >= 3; }));
    bench.server.peers.idle = true;
    CHECK(bench.server.run_until([&] { return bench.server.peers.given.size() == 2; }));
    CHECK_FALSE(bench.queue.any());
  }

  TEST_CASE("a request that its front has given up goes nowhere, and leaves the queue") {
    Bench bench;
    bench.let_io_thread_lead();
    FrontSocket front = bench.ask();
    REQUIRE(bench.server.pool.waiting[0]->try_give_up());
    bench.watch.share();
    CHECK(bench.server.peers.given.empty());
    CHECK_FALSE(bench.queue.any());
  }

  TEST_CASE("overload is told when a request has waited for so long and no worker has a thread") {
    Bench bench;
    bench.server.peers.idle = false;
    Times told;
    bench.watch.set_overloaded(20ms, [&] { told.push_back(bench.server.loop.now()); });
    FrontSocket front = bench.ask();
    REQUIRE(bench.server.run_until([&] { return told.size() == 3; }));
    CHECK(told[0] - bench.queued(0) >= 20ms);
    CHECK(told[1] - told[0] >= 50ms);
    CHECK(told[2] - told[1] >= 50ms);
  }

  TEST_CASE("it is not told for a request that a peer takes") {
    Bench bench;
    bench.let_io_thread_lead();
    int told = 0;
    bench.watch.set_overloaded(0ms, [&] { ++told; });
    FrontSocket front = bench.ask();
    bench.watch.share();
    CHECK(bench.server.peers.given.size() == 1);
    CHECK(told == 0);
  }

  TEST_CASE("it is told for the oldest of those that stay") {
    Bench bench;
    bench.let_io_thread_lead();
    int told = 0;
    bench.watch.set_overloaded(2ms, [&] { ++told; });
    FrontSocket front = bench.server.begin(request(Speech::fastcgi_kept, {.path = "/1", .id = 1}));
    bench.server.run_to(bench.queued(0) + 2ms);
    REQUIRE(front.send(request(Speech::fastcgi_kept, {.path = "/2", .id = 2})));
    REQUIRE(bench.server.run_until([&] { return bench.server.pool.waiting.size() == 2; }));
    for (const auto& each : bench.server.pool.waiting) REQUIRE(bench.queue.push(each, 2));
    bench.watch.share();
    CHECK(bench.size() == 2);
    CHECK(told == 1);
  }

  TEST_CASE("a request is refused when it has waited for its whole time, each at its own") {
    Bench bench({100, 20ms}, false);
    FrontSocket first = bench.ask();
    bench.server.run_to(bench.queued(0) + 5ms);
    FrontSocket second = bench.ask();
    for (const std::size_t number : {0u, 1u}) {
      REQUIRE(bench.server.run_until([&] { return bench.refused() > number; }));
      CHECK(Clock::now() - bench.queued(bench.refused() - 1) >= 20ms);
    }
    for (FrontSocket* const front : {&first, &second}) {
      CHECK(response_in(Speech::scgi, front->receive()).status() == "503");
    }
    CHECK(bench.server.reporter.count(LogEvent::queue_timeout, {"--queue-timeout"}) == 2);
    CHECK_FALSE(bench.queue.any());
  }

  TEST_CASE("without --queue-timeout none is refused") {
    Bench bench({100, 0ms}, false);
    FrontSocket front = bench.ask();
    bench.server.run_to(bench.queued(0) + 5ms);
    CHECK(bench.refused() == 0);
    CHECK(bench.size() == 1);
  }

  TEST_CASE("while every thread is in a call it is told ten times a second that requests wait") {
    Bench bench({100, 0ms}, false);
    Times told;
    bench.watch.set_waiting([&] { told.push_back(bench.server.loop.now()); });
    FrontSocket front = bench.ask();
    REQUIRE(bench.server.run_until([&] { return told.size() == 2; }));
    CHECK(told[0] - bench.queued(0) >= 100ms);
    CHECK(told[1] - told[0] >= 100ms);
    bench.load.running = 1;
    bench.server.run_to(told[1] + 150ms);
    CHECK(told.size() == 2);
    bench.load.running = 2;
    CHECK(bench.server.run_until([&] { return told.size() == 3; }));
  }

  TEST_CASE("it is not told once the queue is empty, until the next request waits") {
    Bench bench({100, 0ms}, false);
    int told = 0;
    bench.watch.set_waiting([&] { ++told; });
    FrontSocket front = bench.ask();
    const auto taken = bench.queue.take();
    bench.server.run_to(bench.queued(0) + 150ms);
    CHECK(told == 0);
    FrontSocket next = bench.ask();
    CHECK(bench.server.run_until([&] { return told == 1; }));
  }

  TEST_CASE("a worker is saturated when all its threads are in calls, or none gets into Python") {
    Bench bench;
    struct Load {
      int running;
      std::uint32_t stalled;
      bool saturated;
    };
    for (const Load& load :
         {Load{0, 0, false}, {1, 0, false}, {2, 0, true}, {3, 0, true}, {0, 1, true}}) {
      CAPTURE(load.running);
      CAPTURE(load.stalled);
      bench.load.running = load.running;
      bench.load.stalled = load.stalled;
      CHECK(bench.watch.saturated() == load.saturated);
    }
  }

  TEST_CASE("a thread's time is offered while a thread is free and nothing waits here") {
    Bench bench;
    bench.load.running = 1;
    CHECK_NOTHROW(bench.watch.offer_time());  // to nobody
    int offered = 0;
    bench.watch.set_time_offer([&] { ++offered; });
    bench.load.running = 2;
    bench.watch.offer_time();
    CHECK(offered == 0);
    bench.load.running = 1;
    bench.watch.offer_time();
    CHECK(offered == 1);
    FrontSocket front = bench.ask();
    bench.watch.offer_time();
    CHECK(offered == 1);
  }
}
