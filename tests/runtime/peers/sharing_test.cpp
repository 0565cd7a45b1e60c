// Tests of requests that go from one running server to another, and of servers that drain.

#include <doctest/doctest.h>
#include <fcntl.h>

#include <atomic>
#include <chrono>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fakes/running_server.hpp"
#include "fakes/wired.hpp"
#include "two_workers.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;

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
        REQUIRE(front.send(request(speech, post("/echo", body))));
        CHECK(receive_response(front, speech) == "b:" + body);
        CHECK(two.a.connections() == 1);
        if (speech == Speech::fastcgi_kept) {
          // It is the other's from now on, also when its first worker has time again.
          CHECK(two.b.connections() == 1);
          Two::finish(blocked, two.in_a);
          REQUIRE(front.send(request(speech, post("/echo", "next", 2))));
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
    REQUIRE(front.send(request(Speech::uwsgi, post("/echo", "body"))));
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
    REQUIRE(front.send(request(Speech::scgi, post("/who"))));
    CHECK(receive_response(front, Speech::scgi) == "b");
    Two::finish(blocked, two.in_a);
  }

  TEST_CASE("while a thread is idle nothing goes over") {
    Two two({}, 2);
    FrontSocket blocked = Two::block(two.a, two.in_a);
    for (int i = 0; i < 20; ++i) CHECK(two.a.ask(Speech::uwsgi, post("/who")).body() == "a");
    Two::finish(blocked, two.in_a);
    CHECK(two.in_b.calls() == 0);
  }

  TEST_CASE("while all workers are busy nothing moves; then the oldest goes first") {
    Two two;
    std::vector<FrontSocket> fronts;
    for (int i = 0; i < 3; ++i) fronts.push_back(Two::connect(two.a));
    FrontSocket in_b = Two::block(two.b, two.in_b);
    FrontSocket in_a = Two::block(two.a, two.in_a);
    std::string body;
    for (FrontSocket& front : fronts) {
      REQUIRE(front.send(request(Speech::uwsgi, post("/echo", body += 'n'))));
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
      REQUIRE(front.send(request(Speech::fastcgi_kept, post("/echo"))));
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
      REQUIRE(front.send(request(last, post("/answer-and-wait"))));
      REQUIRE(FastcgiResponses(front.receive(ended_responses(1))).ended() == 1);
      REQUIRE(again.send(request(Speech::uwsgi, post("/wait-again"))));
      two.a.on_loop([] {});
      REQUIRE(front.send(request(Speech::fastcgi_kept, post("/echo", "body", 2))));
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
    REQUIRE(front.send(request(Speech::uwsgi, post("/echo", "body"))));
    REQUIRE(eventually([&] { return two.a.connections() == 2; }));
    std::thread drains([&] { two.b.drain(); });
    go_on.set_value();
    drains.join();
    CHECK(receive_response(front, Speech::uwsgi) == "b:body");
    CHECK(eventually([&] { return two.b.drained(); }));
    CHECK_FALSE(two.share.loads[1].open);
    REQUIRE(stays.send(request(Speech::uwsgi, post("/echo", "late"))));
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
      REQUIRE(front.send(request(speech, post("/echo", "given"))));
      two.b.on_loop([&] {
        two.b.begin_drain();
        CHECK_FALSE(two.b.server().draining());
        CHECK(two.share.inboxes.boxes()[1].send(wired.server.get(), net::Caller::front));
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
          const Asked asked = post(random() % 3 == 0 ? "/slow" : "/fast", body);
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
