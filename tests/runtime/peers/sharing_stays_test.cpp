// Tests of requests that stay with their server although another one has time.

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/running_server.hpp"
#include "fakes/usual_options.hpp"
#include "two_workers.hpp"

using namespace appd;
using namespace appd::test;

TEST_SUITE("sharing") {
  TEST_CASE("requests that share their connection stay, and are answered when there is time") {
    Two two;
    FrontSocket front = Two::connect(two.a);
    FrontSocket other = Two::connect(two.a);
    FrontSocket blocked = Two::block(two.a, two.in_a);
    REQUIRE(front.send(request(Speech::fastcgi_kept, post("/echo", "one", 1)) +
                       request(Speech::fastcgi_kept, post("/echo", "three", 2))));
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
    const std::string next = request(Speech::fastcgi_kept, post("/echo", "next", 2));
    REQUIRE(front.send(request(Speech::fastcgi_kept, post("/echo", "one")) + next.substr(0, 5)));
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
        UsualOptions options;
        options.body_buffer = 1000;
        options.spool_bodies = spool;
        Two two(options);
        FrontSocket front = Two::connect(two.a);
        FrontSocket other = Two::connect(two.a);
        FrontSocket blocked = Two::block(two.a, two.in_a);
        const std::string bytes = request(speech, post("/echo", body));
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
    REQUIRE(front.send(request(Speech::fastcgi_kept, post("/large"))));
    REQUIRE(eventually([&] { return two.in_a.ended() == 1 && two.is_idle(0); }));
    FrontSocket blocked = Two::block(two.a, two.in_a);
    REQUIRE(front.send(request(Speech::fastcgi_kept, post("/echo", "body", 2))));
    REQUIRE(two.another_goes_over(other));
    Two::finish(blocked, two.in_a);
    FastcgiResponses responses(front.receive(ended_responses(2)));
    CHECK(responses.by_id[1].body() == std::string(8 << 20, 'l'));
    CHECK(responses.by_id[2].body() == "a:body");
  }

  TEST_CASE("what is too large to go over stays, and keeps nobody behind it from going") {
    const std::string large(70'000, 'l');
    Asked many = post("/echo");
    many.software = large;
    for (const Asked& too_large : {post("/echo", large), many}) {
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
      REQUIRE(front.send(request(Speech::fastcgi_kept, post("/echo", body, i + 1))));
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
}
