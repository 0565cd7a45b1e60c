// Tests of accepting, refusals and draining.

#include "runtime/net/server.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fakes/running_server.hpp"
#include "fakes/usual_options.hpp"
#include "fakes/wired.hpp"
#include "server_scripts.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::LogEvent;
using Scripts = ServerScripts;

TEST_SUITE("server") {
  TEST_CASE("connections end in any order, and the others go on") {
    Scripts scripts;
    RunningServer server(scripts);
    const auto ask = [](FrontSocket& front) {
      REQUIRE(front.send(request(Speech::fastcgi_kept, {"/hello"})));
      CHECK(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() == "hello");
    };
    using Order = std::array<int, 4>;
    for (const auto& order :
         {Order{0, 1, 2, 3}, Order{3, 2, 1, 0}, Order{1, 3, 0, 2}, Order{2, 0, 3, 1}}) {
      std::map<int, FrontSocket> fronts;
      for (int i = 0; i < 4; ++i) ask(fronts.emplace(i, server.connect()).first->second);
      for (const int next : order) {
        fronts.erase(next);
        REQUIRE(eventually([&] { return server.connections() == fronts.size(); }));
        for (auto& [number, front] : fronts) ask(front);
      }
    }
  }

  TEST_CASE("a full queue is answered with 503 and Retry-After") {
    Scripts scripts;
    UsualOptions options;
    options.retry_after = 7s;
    RunningServer server(scripts, {options, 1, 2});
    std::vector<FrontSocket> accepted;
    for (int i = 0; i < 3; ++i) {
      accepted.push_back(server.connect());
      REQUIRE(accepted.back().send(request(Speech::uwsgi, {"/wait"})));
      // The first has the thread, the others the queue.
      REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
      server.on_loop([] {});
    }
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      const FrontResponse refused = server.ask(speech, {"/hello"});
      CHECK(refused.status() == "503");
      CHECK(refused.has("Retry-After: 7\r\n"));
    }
    CHECK(server.reporter().count(LogEvent::queue_full) == kSpeeches.size());
    scripts.gate.open();
    for (FrontSocket& front : accepted) {
      CHECK(response_in(Speech::uwsgi, front.receive()).body() == "waited");
    }
  }

  TEST_CASE("requests that were given up make room in the queue") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 1, 2});
    FrontSocket busy = server.connect();
    REQUIRE(busy.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    for (int i = 0; i < 10; ++i) {
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(Speech::uwsgi, {"/hello"})));
      REQUIRE(eventually([&] { return server.connections() == 2; }));
      server.on_loop([] {});
      front.close();
      REQUIRE(eventually([&] { return server.connections() == 1; }));
    }
    CHECK(server.reporter().count(LogEvent::queue_full) == 0);
  }

  TEST_CASE("without a queue, requests run while a thread is free") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 2, 0});
    for (const Speech speech : kSpeeches) CHECK(server.ask(speech, {"/hello"}).body() == "hello");
    std::vector<FrontSocket> fronts;
    for (int i = 0; i < 2; ++i) {
      fronts.push_back(server.connect());
      REQUIRE(fronts.back().send(request(Speech::scgi, {"/wait"})));
      REQUIRE(eventually([&] { return scripts.gate.waiting() == i + 1; }));
    }
    CHECK(server.ask(Speech::scgi, {"/hello"}).status() == "503");
    scripts.gate.open();
    for (FrontSocket& front : fronts) {
      CHECK(response_in(Speech::scgi, front.receive()).body() == "waited");
    }
  }

  TEST_CASE("a burst that the idle threads can take is not refused") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 4, 0});
    std::vector<FrontSocket> fronts;
    server.on_loop([&] {
      // They are all there when the loop looks next.
      for (int i = 0; i < 4; ++i) {
        fronts.push_back(server.connect());
        CHECK(fronts.back().send(request(Speech::scgi, {"/wait"})));
      }
    });
    CHECK(eventually([&] { return scripts.gate.waiting() == 4; }));
    scripts.gate.open();
    for (FrontSocket& front : fronts) {
      CHECK(response_in(Speech::scgi, front.receive()).body() == "waited");
    }
  }

  TEST_CASE("HTTP and TLS get a plain response that says what the socket speaks") {
    Scripts scripts;
    for (const bool pinned : {false, true}) {
      UsualOptions options;
      if (pinned) options.pinned = protocol::Wire::scgi;
      RunningServer server(scripts, {options});
      for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                                       std::string("\x16\x03\x01\x02\x00")}) {
        FrontSocket front = server.connect();
        REQUIRE(front.send(bytes));
        const std::string response = front.receive([](const std::string& got) {
          return got.find("proxy_pass, in Apache") != std::string::npos && got.back() == '\n';
        });
        CHECK(response.starts_with("HTTP/1.1 400 Bad Request\r\n"));
        CHECK(response.find(pinned ? "speaks SCGI" : "speaks FastCGI, uwsgi and SCGI") !=
              std::string::npos);
        CHECK(front.sees_end());
      }
      CHECK(server.reporter().count(LogEvent::connection_wrong_protocol, {"fastcgi_pass"}) == 2);
    }
  }

  TEST_CASE("an HTTP upload gets one response, delivered without a reset") {
    Scripts scripts;
    for (const bool tcp : {false, true}) {
      RunningServer server(scripts, {{}, 2, 100, tcp});
      FrontSocket front = server.connect();
      const std::string head = "POST / HTTP/1.1\r\n\r\n";
      REQUIRE(front.send(head + std::string(4 << 20, 'A')));
      front.end_sending();
      const std::string response = front.receive();
      CHECK(response.find("HTTP/1.1 400") == 0);
      CHECK(response.rfind("HTTP/1.1 400") == 0);
      CHECK_FALSE(front.was_reset());
      CHECK(server.reporter().count(LogEvent::connection_wrong_protocol) == 1);
    }
  }

  TEST_CASE("what comes after the last response is no request") {
    Scripts scripts;
    UsualOptions options;
    options.body_buffer = 1000;
    RunningServer server(scripts, {options, 1});
    FrontSocket front = server.connect();
    REQUIRE(front.send(unfinished(Speech::fastcgi_closed, upload("/hello", 2000, 4000))));
    CHECK(response_in(Speech::fastcgi_closed, front.receive()).body() == "hello");
    Asked another{"/hello"};
    another.id = 2;
    REQUIRE(front.send(wire::stdin_of(1, std::string(2000, 'b')) + wire::stdin_of(1, "") +
                       request(Speech::fastcgi_closed, another)));
    server.on_loop([] {});  // it has been read, so that its turn would be before the next one's
    CHECK(server.ask(Speech::scgi, {"/hello"}).body() == "hello");
    CHECK(scripts.calls() == 2);
  }

  TEST_CASE("bytes of no protocol, and broken frames, end the connection with a line") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    REQUIRE(front.send("\x02\x03"));
    CHECK(front.sees_end());
    CHECK(server.reporter().count(LogEvent::connection_unknown_protocol) == 1);
    FrontSocket version = server.connect();
    REQUIRE(version.send(wire::begin(1) + std::string("\x02\x05\0\0\0\0\0\0", 8)));
    CHECK(version.sees_end());
    CHECK(server.reporter().count(LogEvent::connection_malformed, {"FastCGI", "byte 16"}) == 1);
  }

  TEST_CASE("a pinned protocol is spoken even where the bytes look like another") {
    Scripts scripts;
    UsualOptions options;
    options.pinned = protocol::Wire::uwsgi;
    RunningServer server(scripts, {options});
    CHECK(server.ask(Speech::uwsgi, {"/hello"}).body() == "hello");
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_closed, {"/hello"})));
    CHECK(response_in(Speech::uwsgi, front.receive()).body().find("hello") == std::string::npos);
    CHECK(scripts.calls() == 1);
  }

  TEST_CASE("draining closes what is idle, finishes what runs, then says so") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 4});
    FrontSocket idle = server.connect();
    REQUIRE(idle.send(request(Speech::fastcgi_kept, {"/hello"})));
    idle.receive(ended_responses(1));
    std::vector<FrontSocket> running;
    for (const Speech speech : kSpeeches) {
      running.push_back(server.connect());
      REQUIRE(running.back().send(request(speech, {"/wait"})));
    }
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 4; }));
    server.drain();
    CHECK(idle.sees_end());
    CHECK_FALSE(server.drained());
    CHECK_FALSE(FrontSocket::to_unix(server.folder() / "socket").send("x"));
    scripts.gate.open();
    for (std::size_t i = 0; i < running.size(); ++i) {
      const FrontResponse response = response_in(kSpeeches[i], running[i].receive());
      CHECK(response.body() == "waited");
      CHECK(running[i].ended());
    }
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("draining sends all of a big response first") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/stream"})));
    REQUIRE(eventually([&] { return !front.silent(); }));
    server.drain();
    const FrontResponse response = response_in(Speech::fastcgi_kept, front.receive());
    CHECK(response.body().size() == 16 << 20);
    CHECK(response.ends == 1);
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("a connection that is given to a server which drains is answered, and ended") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket blocked = server.connect();
    REQUIRE(blocked.send(request(Speech::fastcgi_kept, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    server.drain();
    Wired wired;
    FrontSocket given(std::move(wired.front));
    server.on_loop([&] {
      server.server().adopt(std::move(wired.server), net::Caller::front,
                            request(Speech::fastcgi_kept, {"/hello"}));
    });
    CHECK(response_in(Speech::fastcgi_kept, given.receive()).body() == "hello");
    CHECK(given.ended());
    CHECK_FALSE(server.drained());
    scripts.gate.open();
    CHECK(response_in(Speech::fastcgi_kept, blocked.receive()).body() == "waited");
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("draining an idle server is done at once") {
    Scripts scripts;
    RunningServer server(scripts);
    server.drain();
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("without descriptors accepting pauses, says why once, and goes on later") {
    Scripts scripts;
    RunningServer server(scripts);
    std::vector<support::UniqueFd> hoard;
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::uwsgi, {"/hello"})));
    CHECK(response_in(Speech::uwsgi, front.receive()).body() == "hello");
    FrontSocket waits(support::UniqueFd{});
    // The undefined-behaviour sanitizer needs descriptors where it first sees a type.
    using Work = std::function<void()>;
    server.on_loop(Work([] {}));
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    server.on_loop(Work([&] {
      waits = server.connect();
      const rlimit few{100, before.rlim_max};
      ::setrlimit(RLIMIT_NOFILE, &few);
      CHECK(waits.send(request(Speech::uwsgi, {"/hello"})));
      for (;;) {
        support::UniqueFd fd(::dup(waits.fd()));
        if (!fd) break;
        hoard.push_back(std::move(fd));
      }
    }));
    CHECK(server.reporter().hears(LogEvent::accept_failed, {"LimitNOFILE"}));
    hoard.clear();
    ::setrlimit(RLIMIT_NOFILE, &before);
    CHECK(response_in(Speech::uwsgi, waits.receive()).body() == "hello");
    CHECK(server.reporter().count(LogEvent::accept_failed) == 1);
  }
}
