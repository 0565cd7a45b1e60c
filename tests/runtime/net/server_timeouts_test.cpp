// Tests of the times that a server gives its fronts: for a head, a body, and a response.

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "fakes/running_server.hpp"
#include "fakes/usual_options.hpp"
#include "server_scripts.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::LogEvent;
using Scripts = ServerScripts;

TEST_SUITE("server") {
  TEST_CASE("a request's head that does not go on is closed after --header-timeout") {
    Scripts scripts;
    UsualOptions options;
    options.header_timeout = 300ms;
    RunningServer server(scripts, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      const std::string bytes = request(speech, {"/hello"});
      FrontSocket front = server.connect();
      REQUIRE(front.send(std::string_view(bytes).substr(0, 20)));
      CHECK(front.sees_end());
    }
    CHECK(server.reporter().count(LogEvent::connection_timeout, {"--header-timeout"}) ==
          kSpeeches.size());
  }

  TEST_CASE("a request's head has its time as a whole, however it trickles") {
    Scripts scripts;
    UsualOptions options;
    options.header_timeout = 300ms;
    RunningServer server(scripts, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket front = server.connect();
      const std::string bytes = request(speech, {"/hello"});
      REQUIRE(bytes.size() > 80);
      for (const char& byte : bytes) {
        if (!front.silent()) break;
        front.send({&byte, 1});
        std::this_thread::sleep_for(50ms);  // the pace of this front
      }
      CHECK(front.sees_end());
    }
    CHECK(server.reporter().count(LogEvent::connection_timeout, {"--header-timeout"}) ==
          kSpeeches.size());
    CHECK(scripts.calls() == 0);
  }

  TEST_CASE("a kept connection's time is watched again after it has been idle") {
    Scripts scripts;
    UsualOptions options;
    options.header_timeout = 1s;
    RunningServer server(scripts, {options});
    FrontSocket kept = server.connect();
    const std::string bytes = request(Speech::fastcgi_kept, {"/hello"});
    REQUIRE(kept.send(std::string_view(bytes).substr(0, 20)));
    server.on_loop([] {});  // that has been read, and its time runs
    REQUIRE(kept.send(std::string_view(bytes).substr(20)));
    REQUIRE(response_in(Speech::fastcgi_kept, kept.receive(ended_responses(1))).body() == "hello");
    // Until another one's time is over, which began later.
    FrontSocket stalled = server.connect();
    REQUIRE(stalled.send("12"));
    CHECK(stalled.sees_end());
    REQUIRE(kept.send(std::string_view(bytes).substr(0, 20)));
    CHECK(kept.sees_end());
  }

  TEST_CASE("an idle kept connection outlives every timeout") {
    Scripts scripts;
    UsualOptions options;
    options.header_timeout = options.body_timeout = options.write_timeout = 100ms;
    RunningServer server(scripts, {options});
    FrontSocket silent = server.connect();
    FrontSocket kept = server.connect();
    REQUIRE(kept.send(request(Speech::fastcgi_kept, {"/hello"})));
    CHECK(response_in(Speech::fastcgi_kept, kept.receive(ended_responses(1))).body() == "hello");
    // Another connection is timed out meanwhile, twice over.
    for (int i = 0; i < 2; ++i) {
      FrontSocket stalled = server.connect();
      REQUIRE(stalled.send("12"));
      CHECK(stalled.sees_end());
    }
    CHECK(server.connections() == 2);
    REQUIRE(kept.send(request(Speech::fastcgi_kept, {"/hello"})));
    CHECK(response_in(Speech::fastcgi_kept, kept.receive(ended_responses(1))).body() == "hello");
    REQUIRE(silent.send(request(Speech::uwsgi, {"/hello"})));
    CHECK(response_in(Speech::uwsgi, silent.receive()).body() == "hello");
  }

  TEST_CASE("a body that does not go on is refused with 408, or its reader is told") {
    Scripts scripts;
    UsualOptions options;
    options.body_timeout = 300ms;
    options.body_buffer = 1000;
    RunningServer server(scripts, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket waits = server.connect();
      REQUIRE(waits.send(unfinished(speech, upload("/echo", 10, 20))));
      FrontSocket runs = server.connect();
      REQUIRE(runs.send(unfinished(speech, upload("/echo", 2000, 4000))));
      CHECK(response_in(speech, waits.receive()).status() == "408");
      CHECK(response_in(speech, runs.receive()).body() == std::string(2000, 'b') + "(cut)");
      CHECK(waits.ended());
      CHECK(runs.ended());
    }
    CHECK(server.reporter().count(LogEvent::body_timeout) == 2 * kSpeeches.size());
    CHECK(server.reporter().count(LogEvent::connection_timeout) == 0);
  }

  TEST_CASE("a front that takes nothing of its response is closed after --write-timeout") {
    Scripts scripts;
    UsualOptions options;
    options.write_timeout = 300ms;
    RunningServer server(scripts, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      const int before = scripts.ended();
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/stream"})));
      REQUIRE(eventually([&] { return server.connections() == 0; }));
      CHECK(eventually([&] { return scripts.ended() == before + 1; }));
    }
    CHECK(server.reporter().count(LogEvent::connection_timeout, {"--write-timeout"}) ==
          kSpeeches.size());
  }

  TEST_CASE("a slow but steady front is not timed out") {
    Scripts scripts;
    UsualOptions options;
    options.write_timeout = 400ms;
    RunningServer server(scripts, {options});
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::scgi, {"/stream"})));
    std::string got;
    for (std::size_t wanted = 1 << 20; wanted <= 16 << 20; wanted += 1 << 20) {
      std::this_thread::sleep_for(100ms);  // the pace of this front, four times the timeout in all
      got += front.receive(
          [&](const std::string& part) { return got.size() + part.size() >= wanted; });
    }
    got += front.receive();
    CHECK(response_in(Speech::scgi, got).body().size() == 16 << 20);
    CHECK(server.reporter().count(LogEvent::connection_timeout) == 0);
  }

  TEST_CASE("nor is one that takes too little for the kernel to tell of room") {
    Scripts scripts;
    UsualOptions options;
    options.write_timeout = 1s;
    RunningServer server(scripts, {options});
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::scgi, {"/stream"})));
    std::string got;
    for (int read = 0; read < 3; ++read) {
      std::this_thread::sleep_for(500ms);  // the pace of this front
      std::array<char, 40'000> some{};
      const ssize_t n = ::recv(front.fd(), some.data(), some.size(), MSG_DONTWAIT);
      REQUIRE(n > 0);
      got.append(some.data(), static_cast<std::size_t>(n));
    }
    got += front.receive();
    CHECK(response_in(Speech::scgi, got).body().size() == 16 << 20);
    CHECK(server.reporter().count(LogEvent::connection_timeout) == 0);
  }
}
