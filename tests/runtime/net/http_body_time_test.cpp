// Tests of the time that an HTTP client has for a body.

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "fakes/running_server.hpp"
#include "http_requests.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::LogEvent;

TEST_SUITE("http body time") {
  TEST_CASE("the time for its body begins when it is asked") {
    ScriptedApplication scripts;
    scripts.on("/echo", [](gateway::Exchange& exchange) {
      ScriptedApplication::respond(exchange, ScriptedApplication::read_all(exchange) + "!");
    });
    scripts.on("/later", [&scripts](gateway::Exchange& exchange) {
      scripts.gate.wait();
      ScriptedApplication::respond(exchange, ScriptedApplication::read_all(exchange) + "!");
    });
    UsualOptions options;
    options.body_timeout = 300ms;
    ServerSetup setup;
    setup.options = options;
    setup.tcp = true;
    setup.caller = net::Caller::client;
    RunningServer server(scripts, setup);
    const std::string expects = "Content-Length: 3\r\nExpect: 100-continue\r\n";
    const auto times_out = [&server](std::size_t count) {
      return eventually([&] { return server.reporter().count(LogEvent::body_timeout) == count; });
    };
    FrontSocket client = server.connect();
    REQUIRE(client.send(post("/later", expects, "")));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    // Another, which may send its body, has its whole time meanwhile.
    FrontSocket slow = server.connect();
    REQUIRE(slow.send(post("/echo", "Content-Length: 3\r\n", "a")));
    CHECK(times_out(1));
    scripts.gate.open();
    CHECK(has(client.receive([](const std::string& got) { return has(got, "\r\n\r\n"); }), "100"));
    CHECK(has(client.exchange("abc", dots(1)), "\r\n\r\nabc!"));
    // It has been asked, or has not waited for that.
    REQUIRE(client.send(post("/later", expects, "")));
    CHECK(times_out(2));
    FrontSocket hasty = server.connect();
    CHECK(has(hasty.exchange(post("/echo", expects, "abc"), dots(1)), "\r\n\r\nabc!"));
    REQUIRE(hasty.send(post("/echo", "Content-Length: 3\r\n", "a")));
    CHECK(times_out(3));
  }
}
