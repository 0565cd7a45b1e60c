// Tests of fronts that go away, and of requests that they abort.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "connection_scripts.hpp"
#include "fakes/running_server.hpp"
#include "fakes/usual_options.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using Scripts = ConnectionScripts;

TEST_SUITE("connection") {
  TEST_CASE("a front that goes away is noticed in every phase") {
    Scripts scripts;
    UsualOptions options;
    options.body_buffer = 1000;
    for (const bool tcp : {false, true}) {
      CAPTURE(tcp);
      RunningServer server(scripts, {options, 2, 100, tcp});
      for (const Speech speech : kSpeeches) {
        CAPTURE(name(speech));
        const std::string upload = request(speech, post("/echo", pattern(50'000)));
        const std::string streamed = request(speech, {"/stream"});
        for (const std::string_view sent :
             {std::string_view(upload).substr(0, 10), std::string_view(upload).substr(0, 600),
              std::string_view(upload).substr(0, 30'000), std::string_view(streamed)}) {
          CAPTURE(sent.size());
          for (const bool hard : {false, true}) {
            FrontSocket front = server.connect();
            REQUIRE(front.send(sent));
            server.on_loop([] {});
            if (hard) {
              front.reset();
            } else {
              front.close();
            }
            REQUIRE(eventually([&] { return server.connections() == 0; }));
            REQUIRE(eventually([&] { return scripts.ended() == scripts.calls(); }));
          }
        }
      }
      CHECK(server.ask(Speech::uwsgi, {"/hello"}).body() == "hello");
    }
  }

  TEST_CASE("a running call can see that its front is gone") {
    Scripts scripts;
    std::atomic<bool> seen{false};
    scripts.on("/watch", [&](gateway::Exchange& exchange) {
      seen = eventually([&] { return exchange.front_gone(); });
      CHECK(ScriptedApplication::respond(exchange, "late").status == gateway::SendStatus::gone);
    });
    RunningServer server(scripts);
    for (const Speech speech : kSpeeches) {
      seen = false;
      const int before = scripts.ended();
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/watch"})));
      REQUIRE(eventually([&] { return scripts.calls() == before + 1; }));
      front.close();
      REQUIRE(eventually([&] { return scripts.ended() == before + 1; }));
      CHECK(seen.load());
    }
    REQUIRE(eventually([&] { return server.reporter().accesses().size() == kSpeeches.size(); }));
    for (const auto& access : server.reporter().accesses()) {
      CHECK(access.status == 499);
      CHECK(access.body_bytes == 0);
    }
    CHECK(eventually([&] { return server.lost() == kSpeeches.size(); }));
  }

  TEST_CASE("an aborted request gets its end and nothing else, whatever it is at") {
    Scripts scripts;
    scripts.on("/stream-forever", [&](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", {}};
      bool more = ScriptedApplication::stream(exchange, &head, "first");
      while (more) more = ScriptedApplication::stream(exchange, nullptr, scripts.big);
    });
    scripts.on("/read", [](gateway::Exchange& exchange) {
      ScriptedApplication::respond(exchange, ScriptedApplication::read_all(exchange));
    });
    UsualOptions options;
    options.body_buffer = 1000;
    RunningServer server(scripts, {options, 1});
    const auto abort = [&](const std::string& sent, int calls) {
      const int before = scripts.calls();
      FrontSocket front = server.connect();
      REQUIRE(front.send(sent));
      REQUIRE(eventually([&] { return scripts.calls() == before + calls; }));
      REQUIRE(front.send(wire::abort_request(1)));
      const FastcgiResponses responses(front.receive(ended_responses(1)));
      REQUIRE(responses.by_id.contains(1));
      CHECK(responses.by_id.at(1).ends == 1);
      CHECK_FALSE(responses.by_id.at(1).late_bytes);
      REQUIRE(eventually([&] { return scripts.ended() == scripts.calls(); }));
      // The connection, and the id, can be used again.
      REQUIRE(front.send(request(Speech::fastcgi_kept, {"/hello"})));
      CHECK(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() == "hello");
    };
    const std::string head = fastcgi_head(post("/read", ""), wire::kKeep, "60000");
    SUBCASE("inside its variables") {
      abort(wire::begin(1, wire::kKeep) + wire::params(1, "\x0e\x03REQUEST_MET"), 0);
    }
    SUBCASE("inside its body, below the buffer") {
      abort(head + wire::stdin_of(1, pattern(500)), 0);
    }
    SUBCASE("inside its body, while the application reads") {
      abort(head + wire::stdin_of(1, pattern(40'000)), 1);
    }
    SUBCASE("while the application does nothing but look whether the front is gone") {
      scripts.on("/look", [](gateway::Exchange& exchange) {
        const auto gone = [&] { return exchange.front_gone(); };
        while (!gone()) continue;
      });
      for (int i = 0; i < 100; ++i) abort(request(Speech::fastcgi_kept, {"/look"}), 1);
    }
    SUBCASE("while the application streams") {
      abort(request(Speech::fastcgi_kept, {"/stream-forever"}), 1);
    }
    SUBCASE("while the application streams small blocks") {
      scripts.on("/blocks-forever", [](gateway::Exchange& exchange) {
        const gateway::ResponseHead ok{"200 OK", {}};
        bool more = ScriptedApplication::stream(exchange, &ok, "first");
        while (more) more = ScriptedApplication::stream(exchange, nullptr, "block");
      });
      for (int i = 0; i < 50; ++i) abort(request(Speech::fastcgi_kept, {"/blocks-forever"}), 1);
    }
  }

  TEST_CASE("a request that is aborted while it waits for a thread never runs") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 1});
    FrontSocket busy = server.connect();
    REQUIRE(busy.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    FrontSocket aborts = server.connect();
    REQUIRE(aborts.send(request(Speech::fastcgi_kept, {"/hello"}) + wire::abort_request(1)));
    const FastcgiResponses responses(aborts.receive(ended_responses(1)));
    CHECK(responses.by_id.at(1).stdout_bytes.empty());
    FrontSocket leaves = server.connect();
    REQUIRE(leaves.send(request(Speech::scgi, {"/hello"})));
    REQUIRE(eventually([&] { return server.connections() == 3; }));
    leaves.close();
    REQUIRE(eventually([&] { return server.connections() == 2; }));
    const auto given_up = server.reporter().accesses();
    REQUIRE(given_up.size() == 2);
    CHECK(given_up[0].status == 499);
    CHECK(given_up[1].status == 499);
    scripts.gate.open();
    CHECK(response_in(Speech::uwsgi, busy.receive()).body() == "waited");
    CHECK(server.ask(Speech::scgi, {"/length"}).status() == "200");
    CHECK(scripts.calls() == 2);
  }

  TEST_CASE("an abort that meets the response gives one end, not two") {
    Scripts scripts;
    std::atomic<unsigned> go{0};
    scripts.on("/meet", [&](gateway::Exchange& exchange) {
      const auto turn = static_cast<unsigned>(scripts.calls());
      while (go.load() < turn) std::this_thread::yield();
      const auto until = std::chrono::steady_clock::now() + turn % 50 * 10us;
      while (std::chrono::steady_clock::now() < until) continue;
      ScriptedApplication::respond(exchange, "met");
    });
    RunningServer server(scripts, {{}, 2});
    FrontSocket front = server.connect();
    // Keeps the loop busy between its look at what is answered and the abort.
    std::string idle_records;
    for (int i = 0; i < 10'000; ++i) idle_records += wire::stdin_of(60'000, "");
    std::string all;
    Asked asked{"/meet"};
    for (asked.id = 1; asked.id < 500; ++asked.id) {
      const int before = scripts.calls();
      REQUIRE(front.send(request(Speech::fastcgi_kept, asked)));
      REQUIRE(eventually([&] { return scripts.calls() > before; }));
      const std::string bytes = idle_records + wire::abort_request(asked.id);
      go.store(asked.id);
      all += front.exchange(bytes, ended_responses(1));
    }
    asked.path = "/hello";
    REQUIRE(front.send(request(Speech::fastcgi_kept, asked)));
    front.end_sending();
    all += front.receive();
    const FastcgiResponses responses(all);
    CHECK(responses.by_id.size() == 500);
    CHECK(responses.left_over == 0);
    for (const auto& [id, response] : responses.by_id) {
      REQUIRE(response.ends == 1);
      REQUIRE_FALSE(response.late_bytes);
    }
  }
}
