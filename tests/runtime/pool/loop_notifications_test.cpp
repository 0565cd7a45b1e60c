// Tests of connections that wait for the loop, without threads.

#include "runtime/pool/loop_notifications.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "fakes/busy_server.hpp"
#include "fakes/front_protocols.hpp"
#include "fakes/scripted_application.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;

namespace {

using Clock = net::EventLoop::Clock;

/// A call whose thread is the test's.
struct Call {
  explicit Call(BusyServer& server) : front(server.begin(request(Speech::scgi, {"/asked"}))) {
    exchange = server.pool.waiting.back();
    // From then on, so that the first blocks count as quickly made, however slow the machine is.
    REQUIRE(exchange->try_start(Clock::now() + 1h));
  }

  /// Sends a whole response and ends the call.
  void respond() const {
    ScriptedApplication::respond(*exchange, "response");
    exchange->finish();
  }
  /// Sends a response's head and its first block, which is never held.
  void begin_stream() {
    const gateway::ResponseHead head{"200 OK", {}};
    REQUIRE(ScriptedApplication::stream(*exchange, &head, "first"));
    REQUIRE(response_in(Speech::scgi, got()).body() == "first");
  }
  /// Sends a further block, which is held.
  void stream(std::string_view block) const {
    REQUIRE(ScriptedApplication::stream(*exchange, nullptr, block));
  }
  void end_stream() const {
    ScriptedApplication::end(*exchange);
    exchange->finish();
  }
  /// What the front has got and not yet read.
  std::string got() {
    if (front.silent()) return {};
    return front.receive([](const std::string& bytes) { return !bytes.empty(); });
  }

  FrontSocket front;
  std::shared_ptr<net::WireExchange> exchange;
};

struct Bench {
  BusyServer server;
  pool::LoopNotifications notifications{server.loop};
};

}  // namespace

TEST_SUITE("loop notifications") {
  TEST_CASE("a connection is notified at the delivery, whichever thread has added it") {
    for (const bool other_thread : {false, true}) {
      CAPTURE(other_thread);
      Bench bench;
      for (int round = 0; round < 3; ++round) {
        Call one(bench.server), other(bench.server);
        for (Call* const call : {&one, &other}) {
          call->respond();
          CHECK(response_in(Speech::scgi, call->got()).body() == "response");
          auto connection = bench.server.pool.notified.back();
          if (other_thread) {
            bench.notifications.add_from_other_thread(std::move(connection));
          } else {
            bench.notifications.add(std::move(connection));
          }
          CHECK(call->front.silent());
        }
        bench.notifications.deliver();
        CHECK(one.front.sees_end());
        CHECK(other.front.sees_end());
      }
    }
  }

  TEST_CASE("a delivery lets go of the connections") {
    Bench bench;
    Call one(bench.server), other(bench.server);
    one.respond();
    other.respond();
    bench.notifications.add(bench.server.pool.notified.at(0));
    bench.notifications.add_from_other_thread(bench.server.pool.notified.at(1));
    for (FrontSocket* const front : {&one.front, &other.front}) front->close();
    bench.notifications.deliver();
    one.exchange.reset();
    other.exchange.reset();
    bench.server.pool.waiting.clear();
    CHECK(bench.server.run_until([&] { return bench.server.server.connections() == 0; }));
    for (const auto& connection : bench.server.pool.notified) CHECK(connection.use_count() == 1);
  }

  TEST_CASE("the first held block goes out at the delivery, the next ones a millisecond later") {
    Bench bench;
    Call call(bench.server);
    call.begin_stream();
    call.stream("one");
    REQUIRE(bench.server.pool.holding.size() == 1);
    CHECK(bench.notifications.schedule_flush(bench.server.pool.holding[0]));
    CHECK(call.front.silent());
    const Clock::time_point before = Clock::now();
    bench.notifications.deliver();
    CHECK(call.got() == "one");

    call.stream("two");
    REQUIRE(bench.server.pool.holding.size() == 2);
    // The loop looks by itself.
    CHECK_FALSE(bench.notifications.schedule_flush(bench.server.pool.holding[1]));
    bench.notifications.deliver();
    CHECK(call.front.silent());
    REQUIRE(bench.server.run_until([&] {
      bench.notifications.deliver();
      return !call.front.silent();
    }));
    CHECK(bench.server.loop.now() - before >= 1ms);
    CHECK(call.got() == "two");
    call.end_stream();
  }

  TEST_CASE("what several streams hold goes out together") {
    Bench bench;
    Call one(bench.server), other(bench.server);
    for (Call* const call : {&one, &other}) {
      call->begin_stream();
      call->stream("held");
    }
    REQUIRE(bench.server.pool.holding.size() == 2);
    const long owners = bench.server.pool.holding[0].use_count();
    for (const auto& connection : bench.server.pool.holding) {
      CHECK(bench.notifications.schedule_flush(connection));
    }
    bench.notifications.deliver();
    CHECK(bench.server.pool.holding[0].use_count() == owners);
    for (Call* const call : {&one, &other}) {
      CHECK(call->got() == "held");
      call->end_stream();
    }
  }

  TEST_CASE("the loop has to be woken again once it has looked by itself") {
    Bench bench;
    Call call(bench.server);
    call.begin_stream();
    call.stream("one");
    REQUIRE(bench.server.pool.holding.size() == 1);
    CHECK(bench.notifications.schedule_flush(bench.server.pool.holding[0]));
    bench.notifications.deliver();
    bench.server.run_to(Clock::now() + 1ms);
    bench.notifications.deliver();  // nothing
    CHECK(bench.notifications.schedule_flush(bench.server.pool.holding[0]));
    call.end_stream();
  }
}
