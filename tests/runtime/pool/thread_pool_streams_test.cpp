// Tests of the pool with streams: every block arrives while the application makes the next.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
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

namespace {

auto has_body(Speech speech, const std::string& body) {
  return [=](const std::string& got) { return response_in(speech, got).body() == body; };
}

}  // namespace

TEST_SUITE("pool") {
  TEST_CASE("all that a stream has given arrives while its application makes the next block") {
    // Who looks after it: the thread that takes the loop from the one that streams, or the one that
    // has the loop while the stream runs on another thread.
    for (const bool on_leader : {true, false}) {
      for (const Speech speech : kSpeeches) {
        for (const std::size_t count : {2u, 3u, 4u, 40u, 41u}) {
          CAPTURE(on_leader);
          CAPTURE(name(speech));
          CAPTURE(count);
          Scripts scripts;
          RunningServer server(scripts, {{}, 2});
          for (int i = 0; i < 20; ++i) server.ask(Speech::uwsgi, {"/hello"});
          FrontSocket other = server.connect();
          if (!on_leader) {
            REQUIRE(other.send(request(Speech::uwsgi, {"/wait"})));
            REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
          }
          FrontSocket front = server.connect();
          REQUIRE(front.send(request(speech, numbered("/blocks", count))));
          const std::string got = front.receive(has_body(speech, numbers(count)));
          CHECK(response_in(speech, got).body() == numbers(count));
          CHECK_FALSE(front.ended());
        }
      }
    }
  }

  TEST_CASE("bursts of blocks arrive although the loop looks after them in their middle") {
    constexpr std::size_t kBursts = 400;
    Scripts scripts;
    std::atomic<std::size_t> arrived{0};
    std::atomic<std::size_t> sent{0};
    scripts.on("/bursts", [&](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", {}};
      bool whole = true;
      for (std::size_t burst = 0; whole && burst < kBursts; ++burst) {
        for (std::size_t i = 0; i < 3 + burst % 40; ++i) {
          ScriptedApplication::stream(exchange, sent++ == 0 ? &head : nullptr, "b");
        }
        whole = eventually([&] { return arrived == sent; });
      }
      ScriptedApplication::end(exchange);
    });
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::uwsgi, {"/bursts"})));
    front.receive([&](const std::string& got) {
      arrived = response_in(Speech::uwsgi, got).body().size();
      return false;
    });
    CHECK(arrived == sent);
    CHECK(sent > 20 * kBursts);
  }

  TEST_CASE("streams of every speed arrive whole, beside each other") {
    Scripts scripts;
    std::atomic<unsigned> seed{0};
    scripts.on("/uneven", [&](gateway::Exchange& exchange) {
      std::minstd_rand random(++seed);
      const gateway::ResponseHead head{"200 OK", {}};
      bool more = ScriptedApplication::stream(exchange, &head, "0,");
      for (int i = 1; more && i < 1000; ++i) {
        if (random() % 100 == 0)
          std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
        more = ScriptedApplication::stream(exchange, nullptr, std::to_string(i) + ",");
      }
      ScriptedApplication::end(exchange);
    });
    RunningServer server(scripts, {{}, 3});
    std::atomic<int> wrong{0};
    std::vector<std::thread> fronts;
    for (const Speech speech : kSpeeches) {
      fronts.emplace_back([&, speech] {
        for (int i = 0; i < 20; ++i) {
          if (server.ask(speech, {"/uneven"}).body() != numbers(1000)) ++wrong;
        }
      });
    }
    for (std::thread& front : fronts) front.join();
    CHECK(wrong == 0);
  }
}
