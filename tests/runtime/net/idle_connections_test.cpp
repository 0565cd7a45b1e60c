// Tests of which connection makes room for another.

#include "runtime/net/idle_connections.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "fakes/running_server.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::LogEvent;

namespace {

struct Scripts : ScriptedApplication {
  Scripts() {
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello"); });
    on("/wait", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "waited");
    });
  }
};

ServerSetup at_most(std::size_t connections) {
  ServerSetup setup;
  setup.options.max_connections = connections;
  return setup;
}

std::string ask(FrontSocket& front) {
  if (!front.send(request(Speech::fastcgi_kept, {"/hello"}))) return "cannot send";
  return response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body();
}

/// Fronts that have been served and keep their connections, the first for the longest.
std::vector<FrontSocket> idle_fronts(RunningServer& server, int count) {
  std::vector<FrontSocket> fronts;
  for (int i = 0; i < count; ++i) {
    fronts.push_back(server.connect());
    REQUIRE(ask(fronts.back()) == "hello");
    std::this_thread::sleep_for(2ms);  // idle connections are told apart by their times
  }
  return fronts;
}

constexpr auto kLongEnough = 300ms;  // to count as idle

}  // namespace

TEST_SUITE("idle connections") {
  TEST_CASE("at the limit the one that has been idle for the longest makes room") {
    Scripts scripts;
    RunningServer server(scripts, at_most(3));
    std::vector<FrontSocket> fronts = idle_fronts(server, 3);
    REQUIRE(ask(fronts[0]) == "hello");  // so the second one is it
    std::this_thread::sleep_for(kLongEnough);
    FrontSocket next = server.connect();
    CHECK(ask(next) == "hello");
    CHECK(fronts[1].sees_end());
    CHECK(ask(fronts[0]) == "hello");
    CHECK(ask(fronts[2]) == "hello");
    CHECK(server.connections() == 3);
    CHECK(server.reporter().count(LogEvent::accept_failed) == 0);
  }

  TEST_CASE("a connection on which something is under way is not closed: the new one waits") {
    Scripts scripts;
    RunningServer server(scripts, at_most(2));
    FrontSocket running = server.connect();
    REQUIRE(running.send(request(Speech::fastcgi_kept, {"/wait"})));
    FrontSocket arriving = server.connect();
    const std::string bytes = request(Speech::fastcgi_kept, {"/hello"});
    REQUIRE(arriving.send(bytes.substr(0, 40)));
    REQUIRE(eventually([&] { return server.connections() == 2 && scripts.gate.waiting() == 1; }));
    std::this_thread::sleep_for(kLongEnough);
    FrontSocket waits = server.connect();
    REQUIRE(waits.send(request(Speech::uwsgi, {"/hello"})));
    CHECK(server.reporter().hears(LogEvent::accept_failed, {"--max-connections"}));
    CHECK(waits.silent());
    REQUIRE(arriving.send(bytes.substr(40)));
    CHECK(response_in(Speech::fastcgi_kept, arriving.receive(ended_responses(1))).body() ==
          "hello");
    arriving.close();
    CHECK(response_in(Speech::uwsgi, waits.receive()).body() == "hello");
    scripts.gate.open();
    CHECK(response_in(Speech::fastcgi_kept, running.receive(ended_responses(1))).body() ==
          "waited");
  }

  TEST_CASE("a front that sends just then is not the one that is closed") {
    Scripts scripts;
    RunningServer server(scripts, at_most(3));
    std::vector<FrontSocket> fronts = idle_fronts(server, 3);
    std::this_thread::sleep_for(kLongEnough);
    FrontSocket next(support::UniqueFd{});
    {
      const StoppedLoop stopped(server);
      next = server.connect();
      REQUIRE(next.send(request(Speech::uwsgi, {"/hello"})));
      REQUIRE(fronts[0].send(request(Speech::fastcgi_kept, {"/hello"})));
    }
    CHECK(response_in(Speech::uwsgi, next.receive()).body() == "hello");
    CHECK(response_in(Speech::fastcgi_kept, fronts[0].receive(ended_responses(1))).body() ==
          "hello");
    CHECK(fronts[1].sees_end());
  }

  TEST_CASE("one that was idle when there was a search, and is in use since, is not closed") {
    Scripts scripts;
    RunningServer server(scripts, at_most(3));
    std::vector<FrontSocket> fronts = idle_fronts(server, 3);
    std::this_thread::sleep_for(kLongEnough);
    FrontSocket next = server.connect();
    CHECK(ask(next) == "hello");
    CHECK(fronts[0].sees_end());
    REQUIRE(fronts[1].send(request(Speech::fastcgi_kept, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    FrontSocket one_more = server.connect();
    CHECK(ask(one_more) == "hello");
    CHECK(fronts[2].sees_end());
    scripts.gate.open();
    CHECK(response_in(Speech::fastcgi_kept, fronts[1].receive(ended_responses(1))).body() ==
          "waited");
  }

  TEST_CASE("many at once find room one after another") {
    Scripts scripts;
    RunningServer server(scripts, at_most(100));
    std::vector<FrontSocket> fronts = idle_fronts(server, 100);
    std::this_thread::sleep_for(kLongEnough);
    std::vector<FrontSocket> others;
    for (int i = 0; i < 90; ++i) {
      others.push_back(server.connect());
      REQUIRE(others.back().send(request(Speech::fastcgi_kept, {"/hello"})));
    }
    for (FrontSocket& front : others) {
      CHECK(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() == "hello");
    }
    CHECK(server.connections() == 100);
    CHECK(ask(fronts.back()) == "hello");
  }
}
