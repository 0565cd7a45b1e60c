// Tests of the queue of waiting requests, without threads.

#include "runtime/pool/request_queue.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <mutex>
#include <vector>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/wire_exchange.hpp"

using namespace appd;
using namespace std::chrono_literals;
using pool::RequestQueue;
using Request = RequestQueue::Request;
using Clock = RequestQueue::Clock;

namespace {

const Clock::time_point kStart = Clock::time_point(1h);

Request queued(Clock::duration after) {
  const Request request = std::make_shared<net::WireExchange>();
  request->open(nullptr, nullptr, protocol::Wire::fastcgi, {});
  request->set_queued(kStart + after);
  return request;
}

/// A queue, and what other processes see of it.
struct Bench {
  explicit Bench(pool::QueueLimits limits = {100, 0ms}, std::size_t threads = 1)
      : queue(limits, threads, load) {}

  Request push(Clock::duration after, std::size_t busy = 1) {
    Request request = queued(after);
    REQUIRE(queue.push(request, busy));
    return request;
  }
  void put_back(const Request& request) {
    const std::lock_guard lock(queue.mutex());
    queue.put_back_locked(request);
  }
  std::size_t size() {
    const std::lock_guard lock(queue.mutex());
    return queue.size_locked();
  }
  std::vector<Request> take_all() {
    std::vector<Request> taken;
    while (Request request = queue.take()) taken.push_back(request);
    return taken;
  }

  ipc::WorkerLoad load;
  RequestQueue queue;
};

}  // namespace

TEST_SUITE("request queue") {
  TEST_CASE("requests are taken in the order in which they came") {
    Bench bench;
    CHECK(bench.queue.take() == nullptr);
    const std::vector<Request> pushed{bench.push(1ms), bench.push(2ms), bench.push(2ms)};
    CHECK(bench.take_all() == pushed);
    CHECK(bench.queue.take() == nullptr);
  }

  TEST_CASE("it holds a request for each thread that is free, and the queue behind them") {
    for (const std::size_t busy : {0u, 1u, 2u, 3u, 7u}) {
      CAPTURE(busy);
      Bench bench({2, 0ms}, 3);
      const std::size_t room = 2 + (busy < 3 ? 3 - busy : 0);
      for (std::size_t i = 0; i < room; ++i) bench.push(1ms, busy);
      CHECK_FALSE(bench.queue.push(queued(1ms), busy));
      CHECK(bench.size() == room);
      bench.queue.take();
      CHECK(bench.queue.push(queued(1ms), busy));
    }
  }

  TEST_CASE("a full queue makes room by forgetting requests that their fronts have given up") {
    Bench bench({2, 0ms});
    const Request first = bench.push(1ms), second = bench.push(2ms);
    CHECK_FALSE(bench.queue.push(queued(3ms), 1));
    REQUIRE(first->try_give_up());
    const Request third = bench.push(3ms);
    CHECK(bench.load.waiting == 2);
    CHECK(bench.take_all() == std::vector{second, third});
  }

  TEST_CASE("a request that is put back finds its place by its age") {
    Bench bench;
    const Request old = bench.push(1ms), middle = bench.push(2ms), young = bench.push(3ms);
    REQUIRE(bench.queue.take() == old);
    REQUIRE(bench.queue.take() == middle);
    bench.put_back(middle);
    bench.put_back(old);
    CHECK(bench.take_all() == std::vector{old, middle, young});
  }

  TEST_CASE("a request that is put back comes before others of its age, for it was there first") {
    Bench bench;
    const Request first = bench.push(1ms), second = bench.push(1ms);
    REQUIRE(bench.queue.take() == first);
    bench.put_back(first);
    CHECK(bench.take_all() == std::vector{first, second});
  }

  TEST_CASE("only a request that has waited for long enough may go to a peer") {
    Bench bench;
    const Request old = bench.push(10ms), young = bench.push(11ms);
    CHECK(bench.queue.take_older_than(1ms, kStart + 10ms) == nullptr);
    CHECK(bench.queue.take_older_than(1ms, kStart + 11ms) == old);
    CHECK(bench.queue.take_older_than(1ms, kStart + 11ms) == nullptr);
    CHECK(bench.queue.take_older_than(0ms, kStart + 11ms) == young);
    CHECK(bench.queue.take_older_than(0ms, kStart + 11ms) == nullptr);
  }

  TEST_CASE("a request is overdue when it has waited for the whole of its time") {
    Bench bench({100, 50ms});
    const Request old = bench.push(10ms), young = bench.push(20ms);
    CHECK(bench.queue.next_overdue() == kStart + 60ms);
    CHECK_FALSE(bench.queue.is_overdue(*old, kStart + 60ms - 1ns));
    CHECK(bench.queue.take_overdue(kStart + 60ms - 1ns) == nullptr);
    CHECK(bench.queue.is_overdue(*old, kStart + 60ms));
    CHECK(bench.queue.take_overdue(kStart + 60ms) == old);
    CHECK(bench.queue.take_overdue(kStart + 60ms) == nullptr);
    CHECK(bench.queue.next_overdue() == kStart + 70ms);
    CHECK(bench.queue.take_overdue(kStart + 70ms) == young);
    CHECK(bench.queue.next_overdue() == std::nullopt);
  }

  TEST_CASE("without a limit of time nothing is ever overdue") {
    Bench bench;
    const Request request = bench.push(0ms);
    CHECK_FALSE(bench.queue.is_overdue(*request, kStart + 1000h));
    CHECK(bench.queue.take_overdue(kStart + 1000h) == nullptr);
    CHECK(bench.queue.next_overdue() == std::nullopt);
  }

  TEST_CASE("other processes see how many wait, and since when the oldest does") {
    Bench bench;
    const auto since = [](Clock::duration after) {
      return std::chrono::nanoseconds((kStart + after).time_since_epoch()).count();
    };
    bench.push(1ms);
    bench.push(2ms);
    CHECK(bench.load.waiting == 2);
    CHECK(bench.load.waiting_since == since(1ms));
    CHECK(bench.queue.any());
    const Request old = bench.queue.take();
    CHECK(bench.load.waiting == 1);
    CHECK(bench.load.waiting_since == since(2ms));
    bench.put_back(old);
    CHECK(bench.load.waiting == 2);
    CHECK(bench.load.waiting_since == since(1ms));
    bench.take_all();
    CHECK(bench.load.waiting == 0);
    CHECK(bench.load.waiting_since == 0);
    CHECK_FALSE(bench.queue.any());
  }
}
