// Tests of connections over every wire: responses, kept, shared and half-closed connections.

#include "runtime/net/connection.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "connection_scripts.hpp"
#include "fakes/running_server.hpp"
#include "fakes/usual_options.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::Level;
using gateway::LogEvent;
using Scripts = ConnectionScripts;

TEST_SUITE("connection") {
  TEST_CASE("a simple request is answered over every protocol") {
    Scripts scripts;
    RunningServer server(scripts);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/hello"})));
      const bool kept = speech == Speech::fastcgi_kept;
      const FrontResponse response =
          response_in(speech, kept ? front.receive(ended_responses(1)) : front.receive());
      CHECK(response.status() == "200");
      CHECK(response.body() == "hello");
      CHECK(is_complete(speech, response));
      CHECK(front.ended() == !kept);
    }
    CHECK(server.reporter().count(Level::info) == 0);
  }

  TEST_CASE("a kept connection serves one request after the other") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    for (unsigned i = 0; i < 50; ++i) {
      const std::string body = pattern(i * 97, i);
      REQUIRE(front.send(request(Speech::fastcgi_kept, post("/echo", body))));
      const FrontResponse response =
          response_in(Speech::fastcgi_kept, front.receive(ended_responses(1)));
      CHECK(response.body() == body);
      CHECK(is_complete(Speech::fastcgi_kept, response));
    }
    CHECK(server.connections() == 1);
  }

  TEST_CASE("connections that have been answered keep no exchange") {
    // Short calls are run by who leads the loop, long ones by others.
    for (const auto duration : {0us, 1000us}) {
      CAPTURE(duration.count());
      Scripts scripts;
      std::mutex mutex;
      std::set<const gateway::Exchange*> used;
      scripts.on("/which", [&](gateway::Exchange& exchange) {
        const auto until = std::chrono::steady_clock::now() + duration;
        while (std::chrono::steady_clock::now() < until) continue;
        const std::lock_guard lock(mutex);
        used.insert(&exchange);
        ScriptedApplication::respond(exchange, "hello");
      });
      RunningServer server(scripts);
      std::vector<FrontSocket> fronts;
      for (int i = 0; i < 40; ++i) {
        fronts.push_back(server.connect());
        REQUIRE(fronts.back().send(request(Speech::fastcgi_kept, {"/which"})));
        REQUIRE(
            response_in(Speech::fastcgi_kept, fronts.back().receive(ended_responses(1))).body() ==
            "hello");
      }
      CHECK(server.connections() == 40);
      const std::lock_guard lock(mutex);
      CHECK(used.size() <= 8);
    }
  }

  TEST_CASE("a request may be cut anywhere") {
    Scripts scripts;
    RunningServer server(scripts);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      const std::string bytes = request(speech, post("/echo", "the body"));
      for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        CAPTURE(cut);
        FrontSocket front = server.connect();
        REQUIRE(front.send(bytes.substr(0, cut)));
        // The loop has read the first part once it has answered this.
        server.on_loop([] {});
        REQUIRE(front.send(bytes.substr(cut)));
        const FrontResponse response =
            response_in(speech, speech == Speech::fastcgi_kept ? front.receive(ended_responses(1))
                                                               : front.receive());
        REQUIRE(response.body() == "the body");
        REQUIRE(is_complete(speech, response));
      }
    }
  }

  TEST_CASE("a complete response does not hold its thread for a slow reader") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 1});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      const int before = scripts.ended();
      FrontSocket slow = server.connect();
      REQUIRE(slow.send(request(speech, {"/big"})));
      REQUIRE(eventually([&] { return scripts.ended() == before + 1; }));
      // The only thread is free again while all of that waits.
      CHECK(server.ask(speech, {"/hello"}).body() == "hello");
      const FrontResponse response =
          response_in(speech, speech == Speech::fastcgi_kept ? slow.receive(ended_responses(1))
                                                             : slow.receive());
      CHECK(response.body() == scripts.big);
      CHECK(is_complete(speech, response));
    }
  }

  TEST_CASE("a connection ends whose response can be kept nowhere") {
    Scripts scripts;
    UsualOptions options;
    options.outgoing_memory = 1000;
    options.spool_dir = "/dev/null/none";
    RunningServer server(scripts, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket slow = server.connect();
      REQUIRE(slow.send(request(speech, {"/big"})));
      CHECK(eventually([&] { return server.connections() == 0; }));
      CHECK(slow.receive().size() < scripts.big.size());
    }
    CHECK(server.reporter().count(LogEvent::response_not_spooled, {"/dev/null/none"}) > 0);
  }

  TEST_CASE("a streamed response waits for its reader") {
    Scripts scripts;
    RunningServer server(scripts);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      // A front may have its response before the call that gave it has come back.
      REQUIRE(eventually([&] { return scripts.ended() == scripts.calls(); }));
      const int before = scripts.ended();
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/stream"})));
      REQUIRE(eventually([&] { return !front.silent(); }));
      CHECK(server.ask(speech, {"/hello"}).body() == "hello");
      // The short one has ended, the streaming one has not.
      CHECK(eventually([&] { return scripts.ended() == before + 1; }));
      CHECK(scripts.calls() == before + 2);
      const FrontResponse response =
          response_in(speech, speech == Speech::fastcgi_kept ? front.receive(ended_responses(1))
                                                             : front.receive());
      CHECK(response.body() == scripts.big);
      CHECK(is_complete(speech, response));
    }
  }

  TEST_CASE("a front that shuts down its sending side only is still answered") {
    Scripts scripts;
    RunningServer server(scripts);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/wait"})));
      front.end_sending();
      server.on_loop([] {});
      server.on_loop([&] { scripts.gate.open(); });
      const FrontResponse response = response_in(speech, front.receive());
      CHECK(response.body() == "waited");
      CHECK(front.ended());
    }
    FrontSocket front = server.connect();
    const std::string bytes = request(Speech::uwsgi, post("/echo", "0123456789"));
    REQUIRE(front.send(bytes.substr(0, bytes.size() - 1)));
    front.end_sending();
    CHECK(response_in(Speech::uwsgi, front.receive()).status() == "400");
  }

  TEST_CASE("an end that comes together with the last bytes is seen") {
    for (const bool tcp : {false, true}) {
      CAPTURE(tcp);
      Scripts scripts;
      RunningServer server(scripts, {.tcp = tcp});
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(Speech::fastcgi_kept, {"/hello"})));
      REQUIRE(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() ==
              "hello");
      {
        const StoppedLoop stopped(server);
        REQUIRE(front.send(wire::begin(3, wire::kKeep)));
        front.end_sending();
      }
      CHECK(front.sees_end());
      CHECK(server.connections() == 0);
      CHECK(server.reporter().count(LogEvent::connection_timeout) == 0);
    }
  }

  TEST_CASE("a half-closed connection does not wait for the rest of another head") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/wait"}) + wire::begin(3, wire::kKeep)));
    front.end_sending();
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    scripts.gate.open();
    CHECK(response_in(Speech::fastcgi_kept, front.receive()).body() == "waited");
    CHECK(front.ended());
    CHECK(server.reporter().count(LogEvent::connection_timeout) == 0);
  }

  TEST_CASE("heads that overlap on a busy connection are timed each by itself") {
    Scripts scripts;
    UsualOptions options;
    options.header_timeout = 500ms;
    RunningServer server(scripts, {options});
    FrontSocket front = server.connect();
    const auto until = std::chrono::steady_clock::now() + 1500ms;
    Asked asked{"/hello"};
    for (asked.id = 1; std::chrono::steady_clock::now() < until; ++asked.id) {
      // Each time a further head has begun when one is complete.
      const std::string bytes = request(Speech::fastcgi_kept, asked).substr(asked.id == 1 ? 0 : 16);
      REQUIRE(front.send(bytes + wire::begin(asked.id + 1, wire::kKeep)));
      const std::string response = front.receive(ended_responses(1));
      REQUIRE(response_in(Speech::fastcgi_kept, response, asked.id).body() == "hello");
      std::this_thread::sleep_for(20ms);  // the pace of this front, not synchronisation
    }
    CHECK(server.reporter().count(LogEvent::connection_timeout) == 0);
  }

  TEST_CASE("several requests on one connection are answered each under its id") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 4});
    FrontSocket front = server.connect();
    std::string bytes;
    for (unsigned id = 1; id <= 30; ++id) {
      Asked asked = post("/echo", pattern(1000 * id, id));
      asked.id = id * 3;
      bytes += fastcgi_head(asked, wire::kKeep, std::to_string(asked.body.size()));
    }
    // The bodies take turns, record by record.
    for (std::size_t at = 0; at < 30'000; at += 700) {
      for (unsigned id = 1; id <= 30; ++id) {
        const std::string body = pattern(1000 * id, id);
        if (at < body.size()) bytes += wire::stdin_of(id * 3, body.substr(at, 700));
      }
    }
    for (unsigned id = 1; id <= 30; ++id) bytes += wire::stdin_of(id * 3, "");
    const FastcgiResponses responses(front.exchange(bytes, ended_responses(30)));
    REQUIRE(responses.by_id.size() == 30);
    for (const auto& [id, response] : responses.by_id) {
      CHECK(response.body() == pattern(1000 * (id / 3), id / 3));
      CHECK(is_complete(Speech::fastcgi_kept, response));
    }
  }

  TEST_CASE("streamed responses on one connection never mix inside a record") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 4});
    FrontSocket front = server.connect();
    std::string bytes;
    for (unsigned id = 1; id <= 4; ++id) {
      Asked asked{"/stream"};
      asked.id = id;
      bytes += request(Speech::fastcgi_kept, asked);
    }
    REQUIRE(front.send(bytes));
    const FastcgiResponses responses(front.receive(ended_responses(4)));
    REQUIRE(responses.by_id.size() == 4);
    for (const auto& [id, response] : responses.by_id) {
      CHECK(response.body() == scripts.big);
      CHECK(is_complete(Speech::fastcgi_kept, response));
    }
  }
}
