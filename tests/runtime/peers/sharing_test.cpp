// Tests of load sharing between two running servers.

#include <doctest/doctest.h>
#include <fcntl.h>

#include <random>
#include <thread>

#include "fakes/running_server.hpp"
#include "fakes/wired.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;

namespace {

/// What one of the workers answers, by path.
struct Scripts : ScriptedApplication {
  explicit Scripts(std::string name) : name_(std::move(name)) {
    on("/who", [this](gateway::Exchange& exchange) { respond(exchange, name_); });
    // Who it was, and the body.
    on("/echo", [this](gateway::Exchange& exchange) {
      note(exchange);
      respond(exchange, name_ + ":" + read_all(exchange));
    });
    on("/wait", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "waited");
    });
    on("/answer-and-wait", [this](gateway::Exchange& exchange) {
      respond(exchange, "answered");
      gate.wait();
    });
    on("/wait-again", [this](gateway::Exchange& exchange) {
      second_gate.wait();
      respond(exchange, "waited again");
    });
    on("/large", [](gateway::Exchange& exchange) { respond(exchange, std::string(8 << 20, 'l')); });
    on("/slow", [](gateway::Exchange& exchange) {
      const std::string body = read_all(exchange);
      std::this_thread::sleep_for(5ms);
      respond(exchange, body);
    });
    on("/fast", [](gateway::Exchange& exchange) { respond(exchange, read_all(exchange)); });
  }
  ~Scripts() { second_gate.open(); }

  Gate second_gate;

  std::vector<std::string> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

 private:
  void note(const gateway::Exchange& exchange) {
    const std::lock_guard lock(mutex_);
    order_.emplace_back(exchange.request().find("CONTENT_LENGTH"));
  }

  const std::string name_;
  std::mutex mutex_;
  std::vector<std::string> order_;
};

Asked asking(const std::string& path, std::string body = {}, unsigned id = 1) {
  Asked asked;
  asked.path = path;
  asked.method = "POST";
  asked.body = std::move(body);
  asked.id = id;
  return asked;
}

/// Two workers of one thread each that share what would have to wait. Each has a socket of its own,
/// so that a test knows whose a connection is at first.
struct Two {
  explicit Two(net::ServerOptions options = {}, unsigned threads = 1)
      : a(in_a, {options, threads, 1000, false, &share, 0}),
        b(in_b, {options, threads, 1000, false, &share, 1}) {}
  ~Two() {
    in_a.second_gate.open();
    in_b.second_gate.open();
  }

  /// A connection that is this worker's.
  static FrontSocket connect(RunningServer& server) {
    const std::size_t before = server.connections();
    FrontSocket front = server.connect();
    REQUIRE(eventually([&] { return server.connections() == before + 1; }));
    return front;
  }
  /// Its only thread is in a call until the gate opens.
  static FrontSocket block(RunningServer& server, Scripts& scripts) {
    FrontSocket front = connect(server);
    REQUIRE(front.send(request(Speech::uwsgi, asking("/wait"))));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    return front;
  }
  static void finish(FrontSocket& blocked, Scripts& scripts) {
    scripts.gate.open();
    CHECK(response_in(Speech::uwsgi, blocked.receive()).body() == "waited");
  }
  /// The worker's thread has come back from its call; before that connections may go over.
  bool is_idle(unsigned index) const { return share.loads[index].running.load() == 0; }
  /// True when requests of `a` that were queued before this one have had their chance to go over,
  /// since this one went.
  bool another_goes_over(FrontSocket& front) {
    return front.send(request(Speech::scgi, asking("/who"))) &&
           response_in(Speech::scgi, front.receive()).body() == "b";
  }

  Share share{2};
  Scripts in_a{"a"};
  Scripts in_b{"b"};
  RunningServer a;
  RunningServer b;
};

std::string receive_response(FrontSocket& front, Speech speech) {
  return response_in(speech, speech == Speech::fastcgi_kept ? front.receive(ended_responses(1))
                                                            : front.receive())
      .body();
}

}  // namespace

TEST_SUITE("sharing") {
  TEST_CASE("a request that waits is answered by the worker that has time, on its connection") {
    for (const Speech speech : kSpeeches) {
      for (const std::size_t size : {0u, 1u, 50'000u}) {
        CAPTURE(name(speech));
        CAPTURE(size);
        const std::string body(size, 'b');
        Two two;
        FrontSocket front = Two::connect(two.a);
        FrontSocket blocked = Two::block(two.a, two.in_a);
        REQUIRE(front.send(request(speech, asking("/echo", body))));
        CHECK(receive_response(front, speech) == "b:" + body);
        CHECK(two.a.connections() == 1);
        if (speech == Speech::fastcgi_kept) {
          // It is the other's from now on, also when its first worker has time again.
          CHECK(two.b.connections() == 1);
          Two::finish(blocked, two.in_a);
          REQUIRE(front.send(request(speech, asking("/echo", "next", 2))));
          CHECK(FastcgiResponses(front.receive(ended_responses(1))).by_id[2].body() == "b:next");
        } else {
          CHECK(front.ended());
          Two::finish(blocked, two.in_a);
        }
        const std::size_t in_b = speech == Speech::fastcgi_kept ? 2 : 1;
        CHECK(eventually([&] { return two.b.reporter().accesses().size() == in_b; }));
        CHECK(eventually([&] { return two.a.reporter().accesses().size() == 1; }));
        CHECK(two.b.reporter().accesses().front().uri == "/echo");
        CHECK(two.b.reporter().accesses().front().status == 200);
        CHECK(two.a.reporter().accesses().front().uri == "/wait");
        using gateway::LogEvent;  // of 503
        for (const LogEvent event :
             {LogEvent::queue_full, LogEvent::queue_timeout, LogEvent::body_refused}) {
          CHECK(two.a.reporter().count(event) == 0);
        }
      }
    }
  }

  TEST_CASE("over TCP as well") {
    Share share(2);
    Scripts in_a("a");
    Scripts in_b("b");
    RunningServer a(in_a, {{}, 1, 100, true, &share, 0});
    RunningServer b(in_b, {{}, 1, 100, true, &share, 1});
    FrontSocket front = Two::connect(a);
    FrontSocket blocked = Two::block(a, in_a);
    REQUIRE(front.send(request(Speech::uwsgi, asking("/echo", "body"))));
    CHECK(receive_response(front, Speech::uwsgi) == "b:body");
    CHECK(front.ended());
    CHECK_FALSE(front.was_reset());
    Two::finish(blocked, in_a);
  }

  TEST_CASE("a new connection goes over at once, before it has said anything") {
    Two two;
    FrontSocket blocked = Two::block(two.a, two.in_a);
    FrontSocket front = two.a.connect();
    CHECK(eventually([&] { return two.b.connections() == 1; }));
    CHECK(two.a.connections() == 1);
    REQUIRE(front.send(request(Speech::scgi, asking("/who"))));
    CHECK(receive_response(front, Speech::scgi) == "b");
    Two::finish(blocked, two.in_a);
  }

  TEST_CASE("while a thread is idle nothing goes over") {
    Two two({}, 2);
    FrontSocket blocked = Two::block(two.a, two.in_a);
    for (int i = 0; i < 20; ++i) CHECK(two.a.ask(Speech::uwsgi, asking("/who")).body() == "a");
    Two::finish(blocked, two.in_a);
    CHECK(two.in_b.calls() == 0);
  }

  TEST_CASE("requests that share their connection stay, and are answered when there is time") {
    Two two;
    FrontSocket front = Two::connect(two.a);
    FrontSocket other = Two::connect(two.a);
    FrontSocket blocked = Two::block(two.a, two.in_a);
    REQUIRE(front.send(request(Speech::fastcgi_kept, asking("/echo", "one", 1)) +
                       request(Speech::fastcgi_kept, asking("/echo", "three", 2))));
    REQUIRE(two.another_goes_over(other));
    CHECK(front.silent());
    CHECK(two.a.connections() == 2);
    Two::finish(blocked, two.in_a);
    FastcgiResponses responses(front.receive(ended_responses(2)));
    CHECK(responses.by_id[1].body() == "a:one");
    CHECK(responses.by_id[2].body() == "a:three");
  }

  TEST_CASE("a request stays while the next one on its connection has begun to come") {
    Two two;
    FrontSocket front = Two::connect(two.a);
    FrontSocket other = Two::connect(two.a);
    FrontSocket blocked = Two::block(two.a, two.in_a);
    const std::string next = request(Speech::fastcgi_kept, asking("/echo", "next", 2));
    REQUIRE(front.send(request(Speech::fastcgi_kept, asking("/echo", "one")) + next.substr(0, 5)));
    REQUIRE(two.another_goes_over(other));
    CHECK(front.silent());
    REQUIRE(front.send(next.substr(5)));
    Two::finish(blocked, two.in_a);
    FastcgiResponses responses(front.receive(ended_responses(2)));
    CHECK(responses.by_id[1].body() == "a:one");
    CHECK(responses.by_id[2].body() == "a:next");
  }

  TEST_CASE("a body that is not all in memory stays where it is, and is not lost") {
    const std::string body(50'000, 'b');
    for (const bool spool : {false, true}) {
      for (const Speech speech : kSpeeches) {
        CAPTURE(spool);
        CAPTURE(name(speech));
        net::ServerOptions options;
        options.body_buffer = 1000;
        options.spool_bodies = spool;
        Two two(options);
        FrontSocket front = Two::connect(two.a);
        FrontSocket other = Two::connect(two.a);
        FrontSocket blocked = Two::block(two.a, two.in_a);
        const std::string bytes = request(speech, asking("/echo", body));
        // What the socket takes of it; the rest when it is read.
        const std::size_t taken = front.send_what_fits(std::string_view(bytes).substr(0, 20'000));
        REQUIRE(two.another_goes_over(other));
        CHECK(front.silent());
        CHECK(two.a.connections() == 2);
        two.in_a.gate.open();
        const std::string rest = bytes.substr(taken);
        const std::string got = speech == Speech::fastcgi_kept
                                    ? front.exchange(rest, ended_responses(1))
                                    : front.exchange(rest);
        CHECK(response_in(speech, got).body() == "a:" + body);
      }
    }
  }

  TEST_CASE("a connection whose last response is not all sent stays") {
    Two two;
    FrontSocket front = Two::connect(two.a);
    FrontSocket other = Two::connect(two.a);
    REQUIRE(front.send(request(Speech::fastcgi_kept, asking("/large"))));
    REQUIRE(eventually([&] { return two.in_a.ended() == 1 && two.is_idle(0); }));
    FrontSocket blocked = Two::block(two.a, two.in_a);
    REQUIRE(front.send(request(Speech::fastcgi_kept, asking("/echo", "body", 2))));
    REQUIRE(two.another_goes_over(other));
    Two::finish(blocked, two.in_a);
    FastcgiResponses responses(front.receive(ended_responses(2)));
    CHECK(responses.by_id[1].body() == std::string(8 << 20, 'l'));
    CHECK(responses.by_id[2].body() == "a:body");
  }

  TEST_CASE("what is too large to go over stays, and keeps nobody behind it from going") {
    const std::string large(70'000, 'l');
    Asked many = asking("/echo");
    many.software = large;
    for (const Asked& too_large : {asking("/echo", large), many}) {
      CAPTURE(too_large.body.size());
      Two two;
      FrontSocket front = Two::connect(two.a);
      FrontSocket other = Two::connect(two.a);
      FrontSocket blocked = Two::block(two.a, two.in_a);
      REQUIRE(front.send(request(Speech::scgi, too_large)));
      two.a.on_loop([] {});
      REQUIRE(two.another_goes_over(other));
      CHECK(front.silent());
      Two::finish(blocked, two.in_a);
      CHECK(receive_response(front, Speech::scgi) == "a:" + too_large.body);
    }
  }

  TEST_CASE("those that stay keep their order") {
    Two two;
    FrontSocket front = Two::connect(two.a);
    std::vector<FrontSocket> others;
    for (int i = 0; i < 5; ++i) others.push_back(Two::connect(two.a));
    FrontSocket blocked = Two::block(two.a, two.in_a);
    std::vector<std::string> expected;
    for (unsigned i = 0; i < 10; ++i) {
      const std::string body(i + 1, 'n');
      // Alone on its connection the first one would go.
      if (i == 0) REQUIRE(front.send(wire::begin(99, wire::kKeep)));
      REQUIRE(front.send(request(Speech::fastcgi_kept, asking("/echo", body, i + 1))));
      expected.push_back(std::to_string(i + 1));
      if (i % 2 == 1) REQUIRE(two.another_goes_over(others[i / 2]));
    }
    {
      // Not while the loop has some of them in its hands, to give them away.
      const StoppedLoop stopped(two.a);
      two.in_a.gate.open();
      REQUIRE(eventually([&] { return two.in_a.order().size() == 10; }));
    }
    CHECK(two.in_a.order() == expected);
    CHECK(response_in(Speech::uwsgi, blocked.receive()).body() == "waited");
    CHECK(FastcgiResponses(front.receive(ended_responses(10))).ended() == 10);
  }

  TEST_CASE("while all workers are busy nothing moves; then the oldest goes first") {
    Two two;
    std::vector<FrontSocket> fronts;
    for (int i = 0; i < 3; ++i) fronts.push_back(Two::connect(two.a));
    FrontSocket in_b = Two::block(two.b, two.in_b);
    FrontSocket in_a = Two::block(two.a, two.in_a);
    std::string body;
    for (FrontSocket& front : fronts) {
      REQUIRE(front.send(request(Speech::uwsgi, asking("/echo", body += 'n'))));
      two.a.on_loop([] {});
    }
    FrontSocket fresh = two.a.connect();
    // Far more looks than it takes to go over.
    for (const auto until = std::chrono::steady_clock::now() + 50ms;
         std::chrono::steady_clock::now() < until;) {
      REQUIRE(two.b.connections() == 1);
    }
    CHECK(two.a.connections() == 5);
    Two::finish(in_b, two.in_b);
    for (FrontSocket& front : fronts) receive_response(front, Speech::uwsgi);
    CHECK(two.in_b.order() == std::vector<std::string>{"1", "2", "3"});
    Two::finish(in_a, two.in_a);
  }

  TEST_CASE("a front that gives up while its request waits disturbs nobody") {
    for (const bool aborts : {false, true}) {
      CAPTURE(aborts);
      Two two;
      FrontSocket front = Two::connect(two.a);
      FrontSocket other = Two::connect(two.a);
      FrontSocket in_b = Two::block(two.b, two.in_b);
      FrontSocket in_a = Two::block(two.a, two.in_a);
      REQUIRE(front.send(request(Speech::fastcgi_kept, asking("/echo"))));
      two.a.on_loop([] {});
      if (aborts) {
        REQUIRE(front.send(wire::abort_request(1)));
        CHECK(FastcgiResponses(front.receive(ended_responses(1))).ended() == 1);
      } else {
        front.close();
        REQUIRE(eventually([&] { return two.a.connections() == 2; }));
      }
      REQUIRE(eventually([&] { return two.a.reporter().accesses().size() == 1; }));
      CHECK(two.a.reporter().accesses().front().status == 499);
      Two::finish(in_b, two.in_b);
      CHECK(two.another_goes_over(other));
      Two::finish(in_a, two.in_a);
      CHECK(two.in_a.order().empty());
      CHECK(two.in_b.order().empty());
    }
  }

  TEST_CASE("a request goes over although its connection's last call ended after it came") {
    // Unless that was to be the connection's last: the other worker would not know.
    for (const Speech last : {Speech::fastcgi_kept, Speech::fastcgi_closed}) {
      CAPTURE(name(last));
      Two two;
      FrontSocket front = Two::connect(two.a);
      FrontSocket again = Two::connect(two.a);
      FrontSocket other = Two::connect(two.a);
      FrontSocket in_b = Two::block(two.b, two.in_b);
      REQUIRE(front.send(request(last, asking("/answer-and-wait"))));
      REQUIRE(FastcgiResponses(front.receive(ended_responses(1))).ended() == 1);
      REQUIRE(again.send(request(Speech::uwsgi, asking("/wait-again"))));
      two.a.on_loop([] {});
      REQUIRE(front.send(request(Speech::fastcgi_kept, asking("/echo", "body", 2))));
      two.a.on_loop([] {});
      two.in_a.gate.open();
      REQUIRE(eventually([&] { return two.in_a.second_gate.waiting() == 1; }));
      Two::finish(in_b, two.in_b);
      REQUIRE(two.another_goes_over(other));
      const bool goes = last == Speech::fastcgi_kept;
      if (goes)
        CHECK(FastcgiResponses(front.receive(ended_responses(1))).by_id[2].body() == "b:body");
      two.in_a.second_gate.open();
      CHECK(receive_response(again, Speech::uwsgi) == "waited again");
      if (!goes) CHECK(FastcgiResponses(front.receive()).by_id[2].body() == "a:body");
      CHECK(front.ended() == !goes);
    }
  }

  TEST_CASE("a worker that drains answers what it was given before, and gives nothing away") {
    Two two;
    FrontSocket front = Two::connect(two.a);
    FrontSocket stays = Two::connect(two.a);
    FrontSocket blocked = Two::block(two.a, two.in_a);
    // The other one's loop stands still, with the connection in its box.
    std::promise<void> standing;
    std::promise<void> go_on;
    two.b.loop().post([&] {
      standing.set_value();
      go_on.get_future().wait_for(kPatience);
    });
    standing.get_future().wait_for(kPatience);
    REQUIRE(front.send(request(Speech::uwsgi, asking("/echo", "body"))));
    REQUIRE(eventually([&] { return two.a.connections() == 2; }));
    std::thread drains([&] { two.b.drain(); });
    go_on.set_value();
    drains.join();
    CHECK(receive_response(front, Speech::uwsgi) == "b:body");
    CHECK(eventually([&] { return two.b.drained(); }));
    CHECK_FALSE(two.share.loads[1].open);
    REQUIRE(stays.send(request(Speech::uwsgi, asking("/echo", "late"))));
    two.a.on_loop([] {});
    two.a.drain();
    Two::finish(blocked, two.in_a);
    CHECK(receive_response(stays, Speech::uwsgi) == "a:late");
    CHECK(eventually([&] { return two.a.drained(); }));
  }

  TEST_CASE("a worker that drains serves what a peer was about to give it, and then ends") {
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      Two two;
      ++two.share.loads[1].incoming;  // a peer has counted itself in, and not sent
      Wired wired;
      REQUIRE(::fcntl(wired.server.get(), F_SETFL, O_NONBLOCK) == 0);
      FrontSocket front(std::move(wired.front));
      REQUIRE(front.send(request(speech, asking("/echo", "given"))));
      two.b.on_loop([&] {
        two.b.begin_drain();
        CHECK_FALSE(two.b.server().draining());
        CHECK(two.share.inboxes.boxes()[1].send(wired.server.get()));
      });
      wired.server.reset();
      CHECK(response_in(speech, front.receive()).body() == "b:given");
      CHECK(eventually([&] { return two.b.drained(); }));
      CHECK(two.share.loads[1].incoming == 0);
    }
  }

  TEST_CASE("a worker that drains does not wait for a peer that died while it gave") {
    Two two;
    ++two.share.loads[1].incoming;
    two.b.drain();
    CHECK(eventually([&] { return two.b.drained(); }));
  }

  TEST_CASE("nothing is lost, doubled or mixed up between workers that share a lot") {
    Two two;
    std::atomic<std::size_t> answered{0};
    std::atomic<int> wrong{0};
    const auto until = std::chrono::steady_clock::now() + 1500ms;
    std::vector<std::thread> fronts;
    for (unsigned n = 0; n < 6; ++n) {
      fronts.emplace_back([&, n] {
        std::minstd_rand random(n + 1);
        // All begin with the same worker, so that there is much to share.
        FrontSocket kept = two.a.connect();
        while (std::chrono::steady_clock::now() < until) {
          const Speech speech = kSpeeches[random() % kSpeeches.size()];
          const std::string body(random() % 3000, static_cast<char>('a' + n));
          const Asked asked = asking(random() % 3 == 0 ? "/slow" : "/fast", body);
          const FrontResponse response =
              speech == Speech::fastcgi_kept
                  ? response_in(speech, kept.exchange(request(speech, asked), ended_responses(1)))
                  : two.a.ask(speech, asked);
          ++answered;
          if (response.body() != body || response.late_bytes) ++wrong;
        }
      });
    }
    for (std::thread& front : fronts) front.join();
    CHECK(wrong == 0);
    CHECK(answered > 100);
    CHECK(two.in_b.calls() > 0);
    CHECK(eventually([&] {
      return two.a.reporter().accesses().size() + two.b.reporter().accesses().size() == answered;
    }));
    CHECK(eventually([&] { return two.a.connections() + two.b.connections() == 0; }));
  }
}
