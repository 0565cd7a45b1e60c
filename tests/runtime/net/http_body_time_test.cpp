// Tests of the time that an HTTP client has for a body.

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>

#include "fakes/running_server.hpp"
#include "http_requests.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::LogEvent;

namespace {

ServerSetup for_clients() {
  ServerSetup setup;
  setup.options.body_timeout = 300ms;
  setup.tcp = true;
  setup.caller = net::Caller::client;
  return setup;
}

}  // namespace

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
    RunningServer server(scripts, for_clients());
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

  TEST_CASE("a body that was asked for holds no thread by dripping") {
    ScriptedApplication scripts;
    scripts.on("/echo", [](gateway::Exchange& exchange) {
      ScriptedApplication::respond(exchange, ScriptedApplication::read_all(exchange) + "!");
    });
    RunningServer server(scripts, for_clients());
    FrontSocket client = server.connect();
    REQUIRE(client.send(post("/echo", "Content-Length: 1000\r\nExpect: 100-continue\r\n", "")));
    CHECK(has(client.receive([](const std::string& got) { return has(got, "\r\n\r\n"); }), "100"));
    const auto ended = [&] { return scripts.ended() == 1; };
    for (int sent = 0; sent < 900 && !ended(); ++sent) {
      std::this_thread::sleep_for(20ms);  // the pace of this client, too slow
      client.send("a");
    }
    CHECK(ended());
    CHECK(server.reporter().count(LogEvent::body_timeout) == 1);
  }
}
