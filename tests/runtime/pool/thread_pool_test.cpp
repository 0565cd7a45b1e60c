// Tests of the pool: who leads, how calls spread over the threads, and how they end.

#include "runtime/pool/thread_pool.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/front_protocols.hpp"
#include "fakes/front_socket.hpp"
#include "fakes/running_server.hpp"
#include "fakes/scripted_application.hpp"
#include "fakes/usual_options.hpp"
#include "runtime/pool/pool_scripts.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

TEST_SUITE("pool") {
  TEST_CASE("others are served while one call blocks the thread that led") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 2});
    FrontSocket blocked = server.connect();
    // Calls have been short: the leader keeps the loop when it runs this one.
    for (int i = 0; i < 20; ++i) CHECK(server.ask(Speech::uwsgi, {"/hello"}).body() == "hello");
    REQUIRE(blocked.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    for (int i = 0; i < 20; ++i) CHECK(server.ask(Speech::scgi, {"/hello"}).body() == "hello");
    scripts.gate.open();
    CHECK(response_in(Speech::uwsgi, blocked.receive()).body() == "waited");
  }

  TEST_CASE("the loop soon moves on without a leader that stays in a call") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 1});
    for (int i = 0; i < 20; ++i) server.ask(Speech::uwsgi, {"/hello"});
    FrontSocket blocked = server.connect();
    REQUIRE(blocked.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    // Far more than the millisecond that it takes, far less than for ever.
    const auto before = Clock::now();
    server.on_loop([] {});
    CHECK(Clock::now() - before < 5s);
  }

  TEST_CASE("who has nothing to do after slow calls offers its time") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 2});
    server.ask(Speech::uwsgi, {"/hello"});
    for (int i = 0; i < 3; ++i) server.ask(Speech::uwsgi, {"/slow"});
    CHECK(eventually([&] { return server.time_offers() > 0; }));
  }

  TEST_CASE("a call after a long silence is watched like any other") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 1});
    server.ask(Speech::uwsgi, {"/hello"});
    std::this_thread::sleep_for(200ms);  // ten times what sends the watcher to sleep
    FrontSocket blocked = server.connect();
    REQUIRE(blocked.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    server.on_loop([] {});
  }

  TEST_CASE("slow calls run beside each other on all threads") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 8});
    std::vector<FrontSocket> fronts;
    for (int i = 0; i < 200; ++i) {
      fronts.push_back(server.connect());
      REQUIRE(fronts.back().send(request(Speech::uwsgi, {"/slow"})));
      if (i % 40 != 39) continue;
      for (FrontSocket& front : fronts) {
        CHECK(response_in(Speech::uwsgi, front.receive()).body() == "slow");
      }
      fronts.clear();
    }
    CHECK(scripts.threads.size() == 8);
  }

  TEST_CASE("calls that block are all begun at once, up to the number of threads") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 5});
    // Short ones before, so that nothing warns the pool.
    for (int i = 0; i < 50; ++i) server.ask(Speech::uwsgi, {"/hello"});
    std::vector<FrontSocket> fronts;
    for (int i = 0; i < 7; ++i) {
      fronts.push_back(server.connect());
      REQUIRE(fronts.back().send(request(Speech::uwsgi, {"/wait"})));
    }
    CHECK(eventually([&] { return scripts.gate.waiting() == 5; }));
    scripts.gate.open();
    for (FrontSocket& front : fronts) {
      CHECK(response_in(Speech::uwsgi, front.receive()).body() == "waited");
    }
  }

  TEST_CASE(
      "a burst of short calls with one long among them leaves nobody waiting for the long one") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 2});
    for (int i = 0; i < 50; ++i) server.ask(Speech::uwsgi, {"/hello"});
    std::vector<FrontSocket> fronts;
    FrontSocket blocked = server.connect();
    server.on_loop([&] {
      CHECK(blocked.send(request(Speech::uwsgi, {"/wait"})));
      for (int i = 0; i < 7; ++i) {
        fronts.push_back(server.connect());
        CHECK(fronts.back().send(request(Speech::uwsgi, {"/hello"})));
      }
    });
    for (FrontSocket& front : fronts) {
      CHECK(response_in(Speech::uwsgi, front.receive()).body() == "hello");
    }
    CHECK(scripts.gate.waiting() == 1);
  }

  TEST_CASE("each call is counted in the slot of its thread") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 3});
    for (int i = 0; i < 90; ++i) server.ask(Speech::uwsgi, {"/hello"});
    CHECK(eventually(
        [&] { return server.served_by(0) + server.served_by(1) + server.served_by(2) == 90; }));
  }

  TEST_CASE("stop lets every thread return, whatever it waits for") {
    Scripts scripts;
    for (unsigned threads = 1; threads <= 4; ++threads) {
      for (const bool busy : {false, true}) {
        RunningServer server(scripts, {{}, threads});
        FrontSocket front = server.connect();
        if (busy) {
          // One thread in a call, the loop with another; or the watcher just about to look.
          REQUIRE(front.send(request(Speech::uwsgi, {"/slow"})));
          front.receive();
        }
        server.stop_threads();
      }
    }
    SUBCASE("before they run") {
      RunningServer server(scripts, {{}, 2});
      server.stop_threads();
    }
  }

  TEST_CASE("all threads end with the last connection, whoever ends it and however late it is") {
    // Calls of about the length after which a leader looks for events at its next turn.
    for (int round = 0; round < 60; ++round) {
      const Speech speech = kSpeeches[static_cast<std::size_t>(round) % kSpeeches.size()];
      const std::chrono::microseconds call(400 + 20 * (round / 4));
      CAPTURE(name(speech));
      CAPTURE(call.count());
      Scripts scripts;
      scripts.on("/work", [call](gateway::Exchange& exchange) {
        work_for(call);
        ScriptedApplication::respond(exchange, "done");
      });
      RunningServer server(scripts, {{}, round % 2 == 0 ? 1u : 2u});
      FrontSocket front = server.connect();
      REQUIRE(eventually([&] { return server.connections() == 1; }));
      server.on_loop([&] {
        CHECK(front.send(request(speech, {"/work"})));
        server.server().drain([&] { server.pool().stop(); });
      });
      CHECK(response_in(speech, front.receive()).body() == "done");
      REQUIRE(eventually([&] { return server.threads_ended(); }));
    }
  }

  TEST_CASE("nothing is lost between many connections with calls of every kind") {
    Scripts scripts;
    scripts.on("/mixed", [](gateway::Exchange& exchange) {
      const std::string body = ScriptedApplication::read_all(exchange);
      switch (body.size() % 7) {
        case 0:
          std::this_thread::sleep_for(2ms);
          break;
        case 1:
          work_for(400us);
          break;
        case 2:
          std::this_thread::yield();
          break;
        default:
          break;
      }
      ScriptedApplication::respond(exchange, body);
    });
    UsualOptions options;
    options.body_buffer = 4096;
    for (const unsigned threads : {1u, 2u, 5u}) {
      CAPTURE(threads);
      RunningServer server(scripts, {options, threads, 1000});
      const auto until = Clock::now() + 1500ms;
      std::atomic<int> answered{0};
      std::atomic<int> wrong{0};
      std::vector<std::thread> fronts;
      for (unsigned n = 0; n < 8; ++n) {
        fronts.emplace_back([&, n] {
          std::minstd_rand random(n + 1);
          FrontSocket kept = server.connect();
          while (Clock::now() < until) {
            const Speech speech = kSpeeches[random() % kSpeeches.size()];
            const auto kind = random() % 20;
            const Asked asked = kind == 0   ? Asked{"/stream"}
                                : kind == 1 ? numbered("/mixed", random() % 100'000)
                                            : numbered("/mixed", random() % 300);
            const FrontResponse response =
                speech == Speech::fastcgi_kept
                    ? response_in(speech, kept.exchange(request(speech, asked), ended_responses(1)))
                    : server.ask(speech, asked);
            ++answered;
            const std::size_t expected = kind == 0 ? 3 << 20 : asked.body.size();
            if (response.body().size() != expected || response.late_bytes) ++wrong;
          }
        });
      }
      for (std::thread& front : fronts) front.join();
      CHECK(wrong == 0);
      CHECK(answered > 100);
      CHECK(eventually([&] { return scripts.ended() == scripts.calls(); }));
      CHECK(eventually([&] { return server.connections() == 0; }));
    }
  }

  TEST_CASE("fronts that come and go in the middle disturb nobody") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 3, 20});
    const auto until = Clock::now() + 2s;
    std::vector<std::thread> rude;
    for (unsigned n = 0; n < 3; ++n) {
      rude.emplace_back([&, n] {
        std::minstd_rand random(n + 1);
        while (Clock::now() < until) {
          const Speech speech = kSpeeches[random() % kSpeeches.size()];
          const std::string path = std::array{"/hello", "/stream", "/slow", "/read"}[random() % 4];
          const std::string bytes = request(speech, numbered(path, random() % 70'000));
          FrontSocket front = server.connect();
          front.send(std::string_view(bytes).substr(0, random() % (bytes.size() + 1)));
          if (random() % 2) front.reset();
          // Not to fill the backlog faster than it is accepted.
          std::this_thread::sleep_for(1ms);
        }
      });
    }
    int answered = 0;
    while (Clock::now() < until) {
      const std::string status = server.ask(Speech::uwsgi, {"/hello"}).status();
      REQUIRE((status == "200" || status == "503"));
      ++answered;
    }
    for (std::thread& thread : rude) thread.join();
    CHECK(answered > 10);
    CHECK(eventually([&] { return server.connections() == 0; }));
    CHECK(eventually([&] { return scripts.ended() == scripts.calls(); }));
    CHECK(server.ask(Speech::uwsgi, {"/hello"}).body() == "hello");
  }
}
