// Tests of bodies of an exchange that wait for their reader, and of their spool files.

#include <doctest/doctest.h>

#include <string>

#include "fakes/open_files.hpp"
#include "fakes/running_server.hpp"
#include "fakes/usual_options.hpp"

using namespace appd;
using namespace appd::test;
using gateway::LogEvent;

TEST_SUITE("wire exchange") {
  TEST_CASE("a second upload on a kept connection waits for its reader like the first") {
    ScriptedApplication application;
    application.on("/wait", [&](gateway::Exchange& exchange) {
      application.gate.wait();
      ScriptedApplication::respond(exchange, ScriptedApplication::read_all(exchange));
    });
    UsualOptions options;
    options.body_buffer = 1000;
    RunningServer server(application, {options});
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/none"})));
    front.receive(ended_responses(1));
    const Asked asked{"/wait", "POST", std::string(100'000, 'b')};
    REQUIRE(front.send(request(Speech::fastcgi_kept, asked)));
    REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
    server.on_loop([] {});
    CHECK(open_files(server.folder()) == 0);
    application.gate.open();
    CHECK(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() ==
          asked.body);
  }

  TEST_CASE("a spool that fails while the application reads is told to it and to the log") {
    ScriptedApplication application;
    application.on("/late", [&](gateway::Exchange& exchange) {
      // Nothing is read until the response has made the loop spool, and fail.
      const gateway::ResponseHead head{"200 OK", {}};
      ScriptedApplication::stream(exchange, &head, std::string(4 << 20, 'a'));
      const std::string body = ScriptedApplication::read_all(exchange);
      ScriptedApplication::stream(exchange, nullptr, body.substr(body.size() - 5));
      ScriptedApplication::end(exchange);
    });
    UsualOptions options;
    options.body_buffer = 10'000;
    options.spool_dir = "/nowhere/at-all";
    RunningServer server(application, {options});
    Asked asked{"/late", "POST", std::string(4 << 20, 'b')};
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::uwsgi, asked)));
    CHECK(front.receive().ends_with("(cut)"));
    CHECK(server.reporter().count(LogEvent::body_not_stored, {"/nowhere/at-all"}) == 1);
    // Of unknown length: it has to be spooled before the application runs.
    asked.length = "";
    const FrontResponse refused = server.ask(Speech::fastcgi_kept, asked);
    CHECK(refused.status() == "500");
    CHECK(refused.body().find("/nowhere") == std::string::npos);
    CHECK(server.reporter().count(LogEvent::body_not_stored, {"/nowhere/at-all"}) == 2);
  }

  TEST_CASE("an answered request gives its spool file back though its connection is kept") {
    ScriptedApplication application;
    application.on("/ignore", [&](gateway::Exchange& exchange) {
      application.gate.wait();
      ScriptedApplication::respond(exchange, "not read");
    });
    UsualOptions options;
    options.body_buffer = 1000;
    options.spool_bodies = true;
    RunningServer server(application, {options});
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/ignore", "POST", std::string(9999, 'b')})));
    REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
    server.on_loop([] {});  // another thread has the loop, and nothing wakes it again
    CHECK(open_files(server.folder()) == 1);
    application.gate.open();
    CHECK(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() ==
          "not read");
    CHECK(eventually([&] { return open_files(server.folder()) == 0; }));
  }
}
