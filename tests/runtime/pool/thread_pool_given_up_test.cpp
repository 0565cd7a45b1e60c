// Tests of calls that are given up: their clients, their threads, and what waits behind them.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/front_protocols.hpp"
#include "fakes/front_socket.hpp"
#include "fakes/running_server.hpp"
#include "fakes/scripted_application.hpp"
#include "runtime/pool/pool_scripts.hpp"

using namespace appd;
using namespace appd::test;

TEST_SUITE("pool") {
  TEST_CASE(
      "the client of a call that does not come back gets 504, and its late response is lost") {
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      Scripts scripts;
      RunningServer server(scripts, {{}, 2});
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/wait"})));
      REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
      server.give_up_calls();
      const bool kept = speech == Speech::fastcgi_kept;
      const std::string got = kept ? front.receive(ended_responses(1)) : front.receive();
      CHECK(response_in(speech, got).status() == "504");
      if (kept) {
        CHECK(response_in(speech, front.exchange(request(speech, {"/hello"}), ended_responses(1)))
                  .body() == "hello");
      }
      CHECK(server.ask(speech, {"/hello"}).body() == "hello");
      scripts.gate.open();
      REQUIRE(eventually([&] { return scripts.ended() == scripts.calls(); }));
      for (int i = 0; i < 10; ++i) CHECK(server.ask(speech, {"/hello"}).body() == "hello");
      if (kept) CHECK_FALSE(front.ended());
      const auto accesses = server.reporter().accesses();
      CHECK(std::count_if(accesses.begin(), accesses.end(),
                          [](const auto& access) { return access.uri == "/wait"; }) == 1);
      CHECK(accesses.front().status == 504);
      CHECK(server.lost() == 0);
    }
  }

  TEST_CASE("a call that has ended meanwhile does not cost the next one its response") {
    Scripts scripts;
    Gate later;
    scripts.on("/later", [&](gateway::Exchange& exchange) {
      later.wait();
      ScriptedApplication::respond(exchange, "late");
    });
    RunningServer server(scripts, {{}, 1});
    FrontSocket first = server.connect();
    REQUIRE(first.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    const auto former = server.sequences();
    scripts.gate.open();
    CHECK(response_in(Speech::uwsgi, first.receive()).status() == "200");
    FrontSocket next = server.connect();
    REQUIRE(next.send(request(Speech::uwsgi, {"/later"})));
    REQUIRE(eventually([&] { return later.waiting() == 1; }));
    server.give_up_calls(former);
    later.open();
    CHECK(response_in(Speech::uwsgi, next.receive()).status() == "200");
  }

  TEST_CASE("a stream that does not come back is broken off") {
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      Scripts scripts;
      RunningServer server(scripts, {{}, 2});
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, numbered("/blocks", 3))));
      REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
      server.give_up_calls();
      const std::string got = front.receive();
      CHECK(response_in(speech, got).status() == "200");
      CHECK(response_in(speech, got).body() == numbers(3));
      scripts.gate.open();
      REQUIRE(eventually([&] { return scripts.ended() == scripts.calls(); }));
      CHECK(server.ask(speech, {"/hello"}).body() == "hello");
      REQUIRE(eventually([&] { return server.reporter().accesses().size() == 2; }));
      const auto accesses = server.reporter().accesses();
      CHECK(accesses.front().status == 200);
    }
  }

  TEST_CASE("what waits is refused when no thread comes back, until one does") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 2, 10});
    std::vector<FrontSocket> stuck;
    for (int i = 0; i < 2; ++i) {
      stuck.push_back(server.connect());
      REQUIRE(stuck.back().send(request(Speech::uwsgi, {"/wait"})));
      REQUIRE(eventually([&] { return scripts.gate.waiting() == i + 1; }));
    }
    FrontSocket waiting = server.connect();
    REQUIRE(waiting.send(request(Speech::uwsgi, {"/hello"})));
    REQUIRE(eventually([&] { return server.waiting() == 1; }));
    server.give_up_calls();
    CHECK(response_in(Speech::uwsgi, waiting.receive()).status() == "503");
    CHECK(server.ask(Speech::scgi, {"/hello"}).status() == "503");
    scripts.gate.open();
    REQUIRE(eventually([&] { return scripts.ended() == 2; }));
    CHECK(server.ask(Speech::scgi, {"/hello"}).status() == "200");
    CHECK(scripts.calls() == 3);
  }

  TEST_CASE("a call that ends just when it is given up is answered once, whole, by one of both") {
    Scripts scripts;
    scripts.on("/short", [](gateway::Exchange& exchange) {
      // Long enough for the loop to run beside it.
      work_for(std::chrono::microseconds(500 + *exchange.request().content_length() % 50 * 20));
      ScriptedApplication::respond(exchange, "short");
    });
    RunningServer server(scripts, {{}, 2});
    std::atomic<bool> stop{false};
    std::thread giving_up([&] {
      std::minstd_rand random(7);
      while (!stop) {
        work_for(std::chrono::microseconds(random() % 3000));
        server.give_up_calls();
      }
    });
    constexpr std::size_t kCalls = 600;
    std::map<std::string, int> statuses;
    for (std::size_t i = 0; i < kCalls; ++i) {
      const Speech speech = kSpeeches[i % kSpeeches.size()];
      const FrontResponse response = server.ask(speech, numbered("/short", i));
      const std::string body = response.body();
      ++statuses[response.status()];
      // 503: a given up call has the second thread still, so that both are.
      const bool whole = response.status() == "200"   ? body == "short"
                         : response.status() == "504" ? body.ends_with("in time\n")
                                                      : response.status() == "503";
      CHECK(whole);
    }
    stop = true;
    giving_up.join();
    CHECK(statuses["200"] > 0);
    CHECK(statuses["504"] > 0);
    REQUIRE(eventually([&] { return server.reporter().accesses().size() >= kCalls; }));
    server.on_loop([] {});
    CHECK(server.reporter().accesses().size() == kCalls);
  }
}
