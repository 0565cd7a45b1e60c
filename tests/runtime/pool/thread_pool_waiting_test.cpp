// Tests of requests that wait in the pool: for a thread, for the interpreter, for too long.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/front_protocols.hpp"
#include "fakes/front_socket.hpp"
#include "fakes/running_server.hpp"
#include "fakes/scripted_application.hpp"
#include "runtime/gateway/log_event.hpp"
#include "runtime/pool/pool_scripts.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

/// The way into its interpreter is closed until `interpreter` opens.
struct Kept : Scripts {
  Gate interpreter;
  std::atomic<bool> kept{false};

  void serve(gateway::ExchangeSource& source) noexcept override {
    if (kept) interpreter.wait();
    Scripts::serve(source);
  }
};

}  // namespace

TEST_SUITE("pool") {
  TEST_CASE("while the only thread is in a call the loop accepts, reads, refuses") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 1, 1});
    FrontSocket blocked = server.connect();
    REQUIRE(blocked.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    FrontSocket queued = server.connect();
    REQUIRE(queued.send(request(Speech::uwsgi, numbered("/read", 50'000))));
    server.on_loop([] {});
    REQUIRE(eventually([&] { return server.connections() == 2; }));
    CHECK(server.ask(Speech::uwsgi, {"/hello"}).status() == "503");
    CHECK(scripts.calls() == 1);
    scripts.gate.open();
    CHECK(response_in(Speech::uwsgi, blocked.receive()).body() == "waited");
    CHECK(response_in(Speech::uwsgi, queued.receive()).body().size() == 50'000);
  }

  TEST_CASE("a request that has waited for --queue-timeout gets 503 and is never started") {
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      Scripts scripts;
      ServerSetup setup{{}, 1, 10};
      setup.queue_time = 100ms;
      RunningServer server(scripts, setup);
      FrontSocket blocked = server.connect();
      REQUIRE(blocked.send(request(Speech::uwsgi, {"/wait"})));
      REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
      const auto asked = Clock::now();
      const FrontResponse refused = server.ask(speech, numbered("/read", 50'000));
      CHECK(refused.status() == "503");
      CHECK(refused.has("Retry-After: "));
      CHECK(Clock::now() - asked >= 100ms);
      CHECK(server.reporter().count(gateway::LogEvent::queue_timeout) == 1);
      scripts.gate.open();
      CHECK(response_in(Speech::uwsgi, blocked.receive()).body() == "waited");
      CHECK(server.ask(speech, {"/hello"}).body() == "hello");
      CHECK(scripts.calls() == 2);
    }
  }

  TEST_CASE("each request has its own time to wait") {
    Scripts scripts;
    ServerSetup setup{{}, 1, 10};
    setup.queue_time = 200ms;
    RunningServer server(scripts, setup);
    FrontSocket blocked = server.connect();
    REQUIRE(blocked.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    FrontSocket first = server.connect();
    const auto begun = Clock::now();
    REQUIRE(first.send(request(Speech::uwsgi, {"/hello"})));
    std::this_thread::sleep_for(100ms);  // what is tested is the time between the two
    FrontSocket second = server.connect();
    REQUIRE(second.send(request(Speech::uwsgi, {"/hello"})));
    CHECK(response_in(Speech::uwsgi, first.receive()).status() == "503");
    CHECK(response_in(Speech::uwsgi, second.receive()).status() == "503");
    CHECK(Clock::now() - begun >= 300ms);
  }

  TEST_CASE("a request that is too late when the loop and all threads stood still is not started") {
    Scripts scripts;
    ServerSetup setup{{}, 1, 10};
    setup.queue_time = 50ms;
    RunningServer server(scripts, setup);
    FrontSocket blocked = server.connect();
    REQUIRE(blocked.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    FrontSocket late = server.connect();
    REQUIRE(late.send(request(Speech::uwsgi, {"/hello"})));
    REQUIRE(eventually([&] { return server.waiting() == 1; }));
    server.on_loop([&] {
      std::this_thread::sleep_for(60ms);
      scripts.gate.open();
      eventually([&] { return server.waiting() == 0; });
    });
    CHECK(response_in(Speech::uwsgi, late.receive()).status() == "503");
    CHECK(response_in(Speech::uwsgi, blocked.receive()).body() == "waited");
    CHECK(server.ask(Speech::uwsgi, {"/hello"}).status() == "200");
    CHECK(scripts.calls() == 2);
  }

  TEST_CASE("a request whose front goes away while it waits is never started") {
    for (const bool tcp : {false, true}) {
      for (const Speech speech : kSpeeches) {
        CAPTURE(tcp);
        CAPTURE(name(speech));
        Scripts scripts;
        RunningServer server(scripts, {{}, 1, 10, tcp});
        FrontSocket blocked = server.connect();
        REQUIRE(blocked.send(request(Speech::uwsgi, {"/wait"})));
        REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
        FrontSocket waiting = server.connect();
        REQUIRE(waiting.send(request(speech, {"/hello"})));
        REQUIRE(eventually([&] { return server.waiting() == 1; }));
        waiting.close();
        REQUIRE(eventually([&] { return server.connections() == 1; }));
        scripts.gate.open();
        CHECK(response_in(Speech::uwsgi, blocked.receive()).body() == "waited");
        CHECK(server.ask(speech, {"/note"}).body() == "noted");
        CHECK(scripts.calls() == 2);
      }
    }
  }

  TEST_CASE("waiting requests run in the order in which they came") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 1});
    FrontSocket blocked = server.connect();
    REQUIRE(blocked.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    std::vector<FrontSocket> fronts;
    std::vector<std::string> expected;
    for (std::size_t i = 1; i <= 40; ++i) {
      fronts.push_back(server.connect());
      REQUIRE(fronts.back().send(request(Speech::scgi, numbered(i % 2 ? "/note" : "/slow", i))));
      REQUIRE(eventually([&] { return server.connections() == i + 1; }));
      server.on_loop([] {});
      expected.push_back(std::to_string(i));
    }
    scripts.gate.open();
    for (FrontSocket& front : fronts)
      CHECK(response_in(Speech::scgi, front.receive()).status() == "200");
    CHECK(scripts.order == expected);
  }

  TEST_CASE(
      "a request whose thread does not get into the interpreter waits, and the next ones do") {
    for (const bool calls_are_slow : {false, true}) {
      CAPTURE(calls_are_slow);
      Kept scripts;
      RunningServer server(scripts, {.threads = 4, .queue_time = 100ms});
      for (int i = 0; calls_are_slow && i < 20; ++i) server.ask(Speech::uwsgi, {"/slow"});
      const int before = scripts.calls();
      scripts.kept = true;
      for (int i = 0; i < 5; ++i) CHECK(server.ask(Speech::uwsgi, {"/hello"}).status() == "503");
      CHECK(scripts.interpreter.waiting() == 1);
      scripts.kept = false;
      scripts.interpreter.open();
      CHECK(eventually([&] { return server.ask(Speech::uwsgi, {"/hello"}).status() == "200"; }));
      CHECK(scripts.calls() == before + 1);
      CHECK(eventually([&] { return server.running() == 0; }));
    }
  }

  TEST_CASE("what waits for the interpreter when a call was given up is refused") {
    Kept scripts;
    RunningServer server(scripts, {.threads = 2});
    FrontSocket stuck = server.connect();
    REQUIRE(stuck.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    server.give_up_calls();
    CHECK(response_in(Speech::uwsgi, stuck.receive()).status() == "504");
    scripts.kept = true;
    for (int i = 0; i < 2; ++i) CHECK(server.ask(Speech::uwsgi, {"/hello"}).status() == "503");
    scripts.interpreter.open();
  }

  TEST_CASE("a thread that is in the interpreter begins what another waits with") {
    Kept scripts;
    RunningServer server(scripts, {.threads = 2});
    FrontSocket in_call = server.connect();
    REQUIRE(in_call.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    scripts.kept = true;
    FrontSocket waiting = server.connect();
    REQUIRE(waiting.send(request(Speech::uwsgi, {"/hello"})));
    CHECK(eventually([&] { return server.waiting() == 1; }));
    scripts.gate.open();
    CHECK(response_in(Speech::uwsgi, waiting.receive()).body() == "hello");
    scripts.interpreter.open();
  }
}
