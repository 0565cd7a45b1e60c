// Tests of the pool: leaders, queue, refusals and held blocks.

#include "runtime/pool/thread_pool.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

#include "fakes/running_server.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

/// A call that does nothing but last.
void work_for(std::chrono::microseconds time) {
  const auto until = Clock::now() + time;
  while (Clock::now() < until) continue;
}

struct Scripts : ScriptedApplication {
  std::mutex mutex;
  std::vector<std::string> order;
  std::set<std::thread::id> threads;

  Scripts() {
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello"); });
    on("/wait", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "waited");
    });
    on("/note", [this](gateway::Exchange& exchange) {
      note(exchange);
      respond(exchange, "noted");
    });
    on("/slow", [this](gateway::Exchange& exchange) {
      note(exchange);
      std::this_thread::sleep_for(5ms);
      respond(exchange, "slow");
    });
    on("/read", [](gateway::Exchange& exchange) { respond(exchange, read_all(exchange)); });
    on("/stream", [](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", {}};
      if (stream(exchange, &head, std::string(3 << 20, 's'))) end(exchange);
    });
    on("/blocks", [this](gateway::Exchange& exchange) {
      const auto count = *exchange.request().content_length();
      const gateway::ResponseHead head{"200 OK", {}};
      stream(exchange, &head, "0,");
      for (std::uint64_t i = 1; i < count; ++i) {
        stream(exchange, nullptr, std::to_string(i) + ",");
      }
      gate.wait();
      end(exchange);
    });
  }

  void note(gateway::Exchange& exchange) {
    const std::lock_guard lock(mutex);
    order.emplace_back(exchange.request().find("CONTENT_LENGTH"));
    threads.insert(std::this_thread::get_id());
  }
};

/// The way into its interpreter is closed until `interpreter` opens.
struct Kept : Scripts {
  Gate interpreter;
  std::atomic<bool> kept{false};

  void serve(gateway::ExchangeSource& source) noexcept override {
    if (kept) interpreter.wait();
    Scripts::serve(source);
  }
};

/// A request that its body's length tells from others.
Asked numbered(const std::string& path, std::size_t number) {
  Asked asked;
  asked.path = path;
  asked.method = "POST";
  asked.body = std::string(number, 'n');
  return asked;
}

/// What `/blocks` sends.
std::string numbers(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += std::to_string(i) + ",";
  return text;
}

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
    net::ServerOptions options;
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
}
