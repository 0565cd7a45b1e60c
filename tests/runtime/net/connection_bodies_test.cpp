// Tests of request bodies over every wire: large, early ended, unread, and of unknown length.

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "connection_scripts.hpp"
#include "fakes/open_files.hpp"
#include "fakes/running_server.hpp"
#include "fakes/usual_options.hpp"

using namespace appd;
using namespace appd::test;
using gateway::LogEvent;
using Scripts = ConnectionScripts;

TEST_SUITE("connection") {
  TEST_CASE("bodies below and above the buffer arrive whole, also at a slow reader") {
    Scripts scripts;
    scripts.on("/slow", [](gateway::Exchange& exchange) {
      const std::string body = ScriptedApplication::read_all(exchange, 1000);
      ScriptedApplication::respond(exchange, body);
    });
    UsualOptions options;
    options.body_buffer = 64 * 1024;
    RunningServer server(scripts, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      for (const std::size_t size : {1u, 64u * 1024 - 1, 64u * 1024, 64u * 1024 + 1, 5u << 20}) {
        CAPTURE(size);
        const std::string body = pattern(size);
        const FrontResponse response =
            server.ask(speech, post(size > 1 << 20 ? "/slow" : "/echo", body));
        CHECK(response.body() == body);
        CHECK(is_complete(speech, response));
      }
    }
  }

  TEST_CASE("a body that nobody reads makes the front wait") {
    Scripts scripts;
    UsualOptions options;
    options.body_buffer = 64 * 1024;
    RunningServer server(scripts, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket front = server.connect();
      const std::string bytes = request(speech, post("/wait", pattern(32 << 20)));
      std::string_view rest = bytes;
      // Full when the loop has looked and still nothing more fits.
      std::size_t before = 0;
      do {
        before = rest.size();
        rest.remove_prefix(front.send_what_fits(rest));
        server.on_loop([] {});
      } while (rest.size() != before);
      CHECK(bytes.size() - rest.size() < 4 << 20);
    }
  }

  TEST_CASE("a body of unknown length is spooled and its true length told") {
    Scripts scripts;
    UsualOptions options;
    options.body_buffer = 10'000;
    RunningServer server(scripts, {options});
    for (const std::string announced : {"", "-1"}) {
      for (const std::size_t size : {0u, 9'999u, 300'000u}) {
        CAPTURE(size);
        Asked asked = post("/length", pattern(size));
        asked.length = announced;
        CHECK(server.ask(Speech::fastcgi_kept, asked).body() == std::to_string(size));
        asked.path = "/echo";
        CHECK(server.ask(Speech::fastcgi_closed, asked).body() == asked.body);
      }
    }
  }

  TEST_CASE("a spooled body waits whole before the application runs") {
    Scripts scripts;
    UsualOptions options;
    options.body_buffer = 1000;
    options.spool_bodies = true;
    RunningServer server(scripts, {options});
    const std::string body = pattern(400'000);
    const std::string bytes = request(Speech::scgi, post("/echo", body));
    FrontSocket front = server.connect();
    REQUIRE(front.send(std::string_view(bytes).substr(0, bytes.size() - 1)));
    server.on_loop([] {});
    server.on_loop([] {});
    CHECK(scripts.calls() == 0);
    REQUIRE(front.send(std::string_view(bytes).substr(bytes.size() - 1)));
    CHECK(response_in(Speech::scgi, front.receive()).body() == body);
  }

  TEST_CASE("a call that ends after its front has gone leaves no file open") {
    Scripts scripts;
    UsualOptions options;
    options.body_buffer = 1000;
    options.spool_bodies = true;
    RunningServer server(scripts, {options});
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::uwsgi, post("/wait", pattern(400'000)))));
    REQUIRE(eventually([&] { return scripts.calls() == 1; }));
    CHECK(open_files(server.folder()) == 1);
    front.close();
    REQUIRE(eventually([&] { return server.connections() == 0; }));
    scripts.gate.open();
    CHECK(eventually([&] { return open_files(server.folder()) == 0; }));
  }

  TEST_CASE("a front that writes its whole body before it reads is not stuck on a big response") {
    Scripts scripts;
    scripts.on("/both", [&](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", {}};
      if (!ScriptedApplication::stream(exchange, &head, scripts.big)) return;
      const std::string body = ScriptedApplication::read_all(exchange);
      if (ScriptedApplication::stream(exchange, nullptr, body)) ScriptedApplication::end(exchange);
    });
    UsualOptions options;
    options.body_buffer = 100'000;
    RunningServer server(scripts, {options});
    const std::string body = pattern(8 << 20, 7);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, post("/both", body))));
      const FrontResponse response =
          response_in(speech, speech == Speech::fastcgi_kept ? front.receive(ended_responses(1))
                                                             : front.receive());
      CHECK(response.body() == scripts.big + body);
      CHECK(is_complete(speech, response));
    }
  }

  TEST_CASE("an early response reaches a front that is still sending the body") {
    Scripts scripts;
    UsualOptions options;
    options.max_body = 8 << 20;
    for (const bool tcp : {false, true}) {
      CAPTURE(tcp);
      RunningServer server(scripts, {options, 2, 100, tcp});
      for (const Speech speech : kSpeeches) {
        CAPTURE(name(speech));
        for (const std::size_t size : {2u << 20, 9u << 20}) {
          // As Apache does: the body first, all of it, then the response.
          FrontSocket front = server.connect();
          REQUIRE(front.send(request(speech, post("/ignore", pattern(size)))));
          const FrontResponse response =
              response_in(speech, speech == Speech::fastcgi_kept ? front.receive(ended_responses(1))
                                                                 : front.receive());
          CHECK(response.status() == (size > 8 << 20 ? "413" : "200"));
          CHECK(is_complete(speech, response));
          CHECK_FALSE(front.was_reset());
        }
      }
    }
  }

  TEST_CASE("a kept connection goes on after a body that was not read") {
    Scripts scripts;
    UsualOptions options;
    options.max_body = 1 << 20;
    options.body_buffer = 10'000;
    RunningServer server(scripts, {options});
    FrontSocket front = server.connect();
    for (const std::size_t size : {500'000u, 2u << 20, 500'000u}) {
      REQUIRE(front.send(request(Speech::fastcgi_kept, post("/ignore", pattern(size)))));
      const FrontResponse response =
          response_in(Speech::fastcgi_kept, front.receive(ended_responses(1)));
      CHECK(response.status() == (size > 1 << 20 ? "413" : "200"));
    }
    REQUIRE(front.send(request(Speech::fastcgi_kept, post("/echo", "still there"))));
    CHECK(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() ==
          "still there");
  }

  TEST_CASE("a body of unknown length is measured against --max-body as a whole") {
    Scripts scripts;
    UsualOptions options;
    options.max_body = 200'000;  // more than a read or a record brings
    RunningServer server(scripts, {options});
    for (const std::size_t size : {200'000u, 200'001u}) {
      CAPTURE(size);
      Asked asked = post("/length", pattern(size));
      asked.length = "";
      CHECK(server.ask(Speech::fastcgi_kept, asked).status() == (size > 200'000 ? "413" : "200"));
    }
    CHECK(scripts.calls() == 1);
  }

  TEST_CASE("a front that ends its body early gets 400, or its reader is told") {
    Scripts scripts;
    UsualOptions options;
    options.body_buffer = 1000;
    RunningServer server(scripts, {options});
    Asked asked = post("/echo", "short");
    asked.length = "10";
    CHECK(server.ask(Speech::fastcgi_kept, asked).status() == "400");
    CHECK(server.reporter().count(LogEvent::request_bad, {"5", "10 bytes"}) == 1);
    asked.body = pattern(2000);
    asked.length = "4000";
    CHECK(server.ask(Speech::fastcgi_kept, asked).body() == asked.body + "(cut)");
    CHECK(server.reporter().count(LogEvent::body_cut, {"2000", "4000 bytes"}) == 1);
  }
}
