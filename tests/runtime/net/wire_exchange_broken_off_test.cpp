// Tests of responses that are broken off, as fronts see them.

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "fakes/running_server.hpp"

using namespace appd;
using namespace appd::test;

namespace {

/// Sends `part` of a response whose length is announced or not, then breaks it off.
ScriptedApplication::Script breaking(bool announced) {
  return [announced](gateway::Exchange& exchange) {
    const gateway::ResponseHead head{"200 OK", announced ? "Content-Length: 100\r\n" : "",
                                     announced};
    CHECK_FALSE(exchange.head_sent());
    ScriptedApplication::stream(exchange, &head, "part");
    CHECK(exchange.head_sent());
    exchange.break_off();
  };
}

}  // namespace

TEST_SUITE("wire exchange") {
  TEST_CASE("a broken-off response is shown to each front in the way it understands") {
    ScriptedApplication application;
    application.on("/announced", breaking(true));
    application.on("/open", breaking(false));
    RunningServer server(application);
    const auto ask = [&](Speech speech, const std::string& path, const std::string& software) {
      Asked asked{path};
      asked.software = software;
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, asked)));
      std::string bytes = front.receive();
      CHECK(front.ended());
      return bytes;
    };
    for (const Speech speech : {Speech::fastcgi_kept, Speech::fastcgi_closed}) {
      CAPTURE(name(speech));
      FastcgiResponses nginx(ask(speech, "/announced", "nginx/1.22"));
      CHECK(nginx.by_id[1].body() == "part");
      CHECK(nginx.by_id[1].ends == 1);
      CHECK_FALSE(nginx.by_id[1].stdout_ended);
      FastcgiResponses corrupt(ask(speech, "/open", "nginx/1.22"));
      CHECK(corrupt.by_id[1].body() == "part");
      CHECK(corrupt.corrupt);
      for (const std::string path : {"/announced", "/open"}) {
        FastcgiResponses other(ask(speech, path, "Apache/2.4"));
        CHECK(other.by_id[1].body() == "part");
        CHECK(other.by_id[1].ends == 0);
        CHECK_FALSE(other.by_id[1].stdout_ended);
        CHECK_FALSE(other.corrupt);
      }
    }
    for (const Speech speech : {Speech::uwsgi, Speech::scgi}) {
      CHECK(response_in(speech, ask(speech, "/open", "nginx/1.22")).body() == "part");
    }
  }

  TEST_CASE("over TCP a broken-off response ends in a reset, and the next one in order") {
    ScriptedApplication application;
    application.on("/open", breaking(false));
    application.on("/hello", [](gateway::Exchange& exchange) {
      ScriptedApplication::respond(exchange, "hello");
    });
    ServerSetup setup;
    setup.tcp = true;
    RunningServer server(application, setup);
    for (const Speech speech : {Speech::uwsgi, Speech::scgi}) {
      CAPTURE(name(speech));
      for (const bool breaks : {true, false, true, false}) {
        FrontSocket front = server.connect();
        REQUIRE(front.send(request(speech, {breaks ? "/open" : "/hello"})));
        const std::string got = front.receive();
        CHECK(front.ended());
        CHECK(front.was_reset() == breaks);
        if (!breaks) CHECK(response_in(speech, got).body() == "hello");
      }
    }
  }

  TEST_CASE("beside other requests a broken-off response leaves the connection open") {
    ScriptedApplication application;
    application.on("/announced", breaking(true));
    application.on("/wait", [&](gateway::Exchange& exchange) {
      application.gate.wait();
      ScriptedApplication::respond(exchange, "other");
    });
    RunningServer server(application);
    FrontSocket front = server.connect();
    Asked second{"/wait"};
    second.id = 3;
    REQUIRE(front.send(request(Speech::fastcgi_kept, second)));
    REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/announced"})));
    const FastcgiResponses broken(front.receive(ended_responses(1)));
    CHECK(broken.by_id.at(1).body() == "part");
    CHECK_FALSE(broken.by_id.at(1).stdout_ended);
    application.gate.open();
    const FastcgiResponses other(front.receive(ended_responses(1)));
    CHECK(other.by_id.at(3).body() == "other");
  }

  TEST_CASE("an earlier request of a kept connection does not count, also while its call goes on") {
    // Often, since the two calls end at the same time: the loop may see either one first.
    for (int round = 0; round < 500; ++round) {
      CAPTURE(round);
      ScriptedApplication application;
      application.on("/hello", [&](gateway::Exchange& exchange) {
        ScriptedApplication::respond(exchange, "hi");
        application.gate.wait();
      });
      application.on("/announced", [&](gateway::Exchange& exchange) {
        breaking(true)(exchange);
        application.gate.open();
      });
      RunningServer server(application);
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(Speech::fastcgi_kept, {"/hello"})));
      front.receive(ended_responses(1));
      REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
      Asked asked{"/announced"};
      asked.software = "Apache/2.4";
      REQUIRE(front.send(request(Speech::fastcgi_kept, asked)));
      const std::string bytes = front.receive();
      REQUIRE(front.ended());
      CHECK(bytes.find("part") != std::string::npos);
      CHECK(FastcgiResponses(bytes).by_id[1].ends == 0);
    }
  }
}
