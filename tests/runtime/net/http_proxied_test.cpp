// Tests of connections of HTTP clients that come through a proxy of the PROXY protocol.

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "fakes/busy_server.hpp"
#include "fakes/running_server.hpp"
#include "fakes/wired.hpp"
#include "http_requests.hpp"
#include "runtime/net/connection.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::LogEvent;

namespace {

const std::string kOne = "PROXY TCP4 203.0.113.5 203.0.113.9 4711 443\r\n";
const std::string kTwo = std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16) +
                         std::string("\xcb\0\x71\x06\xcb\0\x71\x09\x12\x67\x01\xbb", 12);
const std::string kLocal = std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);

/// Tells whose request it is.
struct WhoAmI : ScriptedApplication {
  WhoAmI() {
    on("/", [](gateway::Exchange& exchange) {
      const gateway::Request& request = exchange.request();
      const auto port = request.find("REMOTE_PORT");
      respond(exchange, std::string(request.find("REMOTE_ADDR")) + " " +
                            (port == "4711" ? "4711" : "another port") + "!");
    });
  }
};

ServerSetup for_proxies(UsualOptions options = {}) {
  ServerSetup setup;
  setup.options = std::move(options);
  setup.tcp = true;
  setup.caller = net::Caller::proxied;
  return setup;
}

/// A server none of whose threads is idle, and a proxy's connection that begins with these bytes.
struct Busy {
  explicit Busy(std::string_view sent) {
    here.server.adopt(std::move(wired.server), net::Caller::proxied, sent);
  }
  Wired wired;
  BusyServer here;
};

}  // namespace

TEST_SUITE("proxied http connections") {
  TEST_CASE("the header tells the client, however it is split, for each request") {
    WhoAmI application;
    RunningServer server(application, for_proxies());
    for (const auto& [header, expected] :
         {std::pair{kOne, "203.0.113.5 4711!"},
          {kTwo, "203.0.113.6 4711!"},
          {std::string("PROXY UNKNOWN\r\n"), "127.0.0.1 another port!"},
          {kLocal, "127.0.0.1 another port!"}}) {
      const std::string sent = header + get("/");
      for (std::size_t first = 1; first <= header.size() + 1; ++first) {
        CAPTURE(first);
        FrontSocket client = server.connect();
        REQUIRE(client.send(sent.substr(0, first)));
        server.connections();  // the loop has had a turn
        CHECK(client.exchange(sent.substr(first), dots(1)).ends_with(expected));
        CHECK(client.exchange(get("/"), dots(1)).ends_with(expected));
      }
    }
  }

  TEST_CASE("a connection without a header, or with a malformed one, is closed and says nothing") {
    for (const std::string& sent : {get("/"), std::string("PROXY TCP5 a b 1 2\r\n") + get("/"),
                                    std::string("\x16\x03\x01"), kTwo.substr(0, 12) + "\x31"}) {
      CAPTURE(sent);
      WhoAmI application;
      RunningServer server(application, for_proxies());
      FrontSocket client = server.connect();
      CHECK(client.exchange(sent) == "");
      CHECK(client.ended());
      CHECK(server.reporter().lines().size() == 1);
      CHECK(server.reporter().count(LogEvent::connection_malformed, {"--proxy-protocol"}) == 1);
      CHECK(application.calls() == 0);
    }
  }

  TEST_CASE("a header that takes too long is not answered") {
    WhoAmI application;
    UsualOptions options;
    options.header_timeout = 300ms;
    RunningServer server(application, for_proxies(options));
    FrontSocket client = server.connect();
    REQUIRE(client.send(kOne.substr(0, 20)));
    CHECK(client.receive() == "");
    CHECK(client.ended());
    CHECK(server.reporter().count(LogEvent::connection_timeout, {"the PROXY protocol's header"}) ==
          1);
    // The request after it has its own time, and its own answer.
    FrontSocket slow = server.connect();
    REQUIRE(slow.send(kOne + "GET / HT"));
    CHECK(has(slow.receive(), "HTTP/1.1 408 "));
  }

  TEST_CASE("a trusted proxy before that one is believed by the address in the header") {
    WhoAmI application;
    const std::string asked = kOne + get("/", "X-Forwarded-For: 192.0.2.1\r\n");
    const auto ask = [&](const char* trusted) {
      UsualOptions options;
      options.proxies.networks = {*support::IpNetwork::parse(trusted)};
      RunningServer server(application, for_proxies(options));
      return server.connect().exchange(asked, dots(1));
    };
    CHECK(ask("127.0.0.1").ends_with("203.0.113.5 4711!"));
    CHECK(ask("203.0.113.5").ends_with("192.0.2.1 another port!"));
  }

  TEST_CASE("an idle connection is handed over with what the proxy has said") {
    struct Row {
      std::string sent, first;
    };
    for (const Row& row : {Row{"", ""}, Row{kOne, kOne}, Row{kLocal, "PROXY UNKNOWN\r\n"},
                           Row{kTwo, "PROXY TCP4 203.0.113.6 203.0.113.9 4711 443\r\n"}}) {
      CAPTURE(row.sent);
      Busy busy(row.sent);
      busy.here.server.drain([] {}, net::Server::Idle::left);
      REQUIRE(busy.here.peers.queued.size() == 1);
      CHECK(busy.here.peers.queued.front().caller == net::Caller::proxied);
      CHECK(busy.here.peers.queued.front().bytes == row.first);
    }
    Busy partly(kOne.substr(0, 20));
    partly.here.server.drain([] {}, net::Server::Idle::left);
    CHECK(partly.here.peers.queued.empty());
    CHECK(partly.here.server.connections() == 1);
  }

  TEST_CASE("a request that waits goes to a peer with it, and is the same client's there") {
    Busy busy(kTwo + get("/"));
    REQUIRE(busy.here.pool.waiting.size() == 1);
    CHECK(net::Connection::try_hand_over(*busy.here.pool.waiting.front()) == net::HandOver::done);
    REQUIRE(busy.here.peers.given.size() == 1);
    auto& given = busy.here.peers.given.front();
    CHECK(given.caller == net::Caller::proxied);
    CHECK(given.bytes ==
          "PROXY TCP4 203.0.113.6 203.0.113.9 4711 443\r\n"
          "GET / HTTP/1.1\r\nHOST:a.test\r\n\r\n");
    WhoAmI application;
    RunningServer peer(application, for_proxies());
    peer.on_loop([&] { peer.server().adopt(std::move(given.socket), given.caller, given.bytes); });
    FrontSocket client(std::move(busy.wired.front));
    CHECK(client.receive(dots(1)).ends_with("203.0.113.6 4711!"));
    CHECK(client.exchange(get("/"), dots(1)).ends_with("203.0.113.6 4711!"));
  }
}
