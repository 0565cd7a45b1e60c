// Tests of connections of HTTP clients, over a real server.

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

struct Scripts : ScriptedApplication {
  Scripts() {
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello!"); });
    on("/slow", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "slow!");
    });
    on("/tail", [this](gateway::Exchange& exchange) {
      respond(exchange, "tail!");
      gate.wait();
    });
    on("/echo", [](gateway::Exchange& exchange) { respond(exchange, read_all(exchange) + "!"); });
    on("/stream", [](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", "", false};
      stream(exchange, &head, "one");
      stream(exchange, nullptr, "two!");
      end(exchange);
    });
    on("/broken", [](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", "", false};
      stream(exchange, &head, "part");
      exchange.break_off();
    });
  }
};

ServerSetup for_clients(UsualOptions options = {}) {
  ServerSetup setup;
  setup.options = std::move(options);
  setup.tcp = true;
  setup.caller = net::Caller::client;
  return setup;
}

}  // namespace

TEST_SUITE("http connections") {
  TEST_CASE("requests of a kept connection, one after the other") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    FrontSocket client = server.connect();
    for (int i = 0; i < 3; ++i) {
      const std::string got = client.exchange(get("/hello"), dots(1));
      CHECK(got.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nDate: "));
      CHECK(got.ends_with(" GMT\r\n\r\nhello!"));
      CHECK_FALSE(has(got, "Connection"));
    }
    CHECK(client.exchange(get("/hello", "Connection: close\r\n")).ends_with("\r\n\r\nhello!"));
    CHECK(client.ended());
  }

  TEST_CASE("requests that come too early are answered in order") {
    // Often, since a thread may answer the second before another has written the first.
    for (int round = 0; round < 100; ++round) {
      CAPTURE(round);
      Scripts scripts;
      RunningServer server(scripts, for_clients());
      FrontSocket client = server.connect();
      REQUIRE(client.send(get("/slow") + upload("/echo", "body") + get("/hello") + get("/stream")));
      REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
      CHECK(client.silent());
      CHECK(scripts.calls() == 1);
      scripts.gate.open();
      const std::string got = client.receive(dots(4));
      const std::size_t slow = got.find("slow!");
      const std::size_t body = got.find("body!");
      const std::size_t hello = got.find("hello!");
      CHECK(slow < body);
      CHECK(body < hello);
      CHECK(hello < got.find("two!"));
      CHECK(got.size() < 2000);
    }
  }

  TEST_CASE("the next request does not wait for a call that has only answered") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    FrontSocket client = server.connect();
    CHECK(has(client.exchange(get("/tail") + get("/hello"), dots(2)), "hello!"));
    CHECK(scripts.gate.waiting() == 1);
  }

  TEST_CASE("more requests at once than are read ahead") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    FrontSocket client = server.connect();
    std::string all;
    for (int i = 0; i < 2000; ++i) all += get("/hello");
    CHECK(count(client.exchange(all, dots(2000)), "hello!") == 2000);
  }

  TEST_CASE("a body without a length comes in chunks, and to HTTP/1.0 until the end") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    FrontSocket client = server.connect();
    const std::string got = client.exchange(
        get("/stream"), [](const std::string& bytes) { return has(bytes, "0\r\n\r\n"); });
    CHECK(has(got, "\r\nTransfer-Encoding: chunked\r\n"));
    CHECK(got.ends_with("\r\n\r\n3\r\none\r\n4\r\ntwo!\r\n0\r\n\r\n"));
    const std::string old =
        server.connect().exchange("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK_FALSE(has(old, "chunked"));
    CHECK(old.ends_with("\r\nConnection: close\r\n\r\nonetwo!"));
    FrontSocket kept = server.connect();
    CHECK(has(kept.exchange("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", dots(1)),
              "\r\nConnection: keep-alive\r\n\r\nhello!"));
    CHECK_FALSE(kept.ended());
  }

  TEST_CASE("a response that is broken off looks so") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    FrontSocket client = server.connect();
    CHECK(client.exchange(get("/broken")).ends_with("\r\n\r\n4\r\npart\r\n"));
    CHECK(client.ended());
    CHECK_FALSE(client.was_reset());
    FrontSocket old = server.connect();
    old.exchange("GET /broken HTTP/1.0\r\n\r\n");
    CHECK(old.was_reset());
  }

  TEST_CASE("bodies, also in chunks, before the call") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    FrontSocket client = server.connect();
    REQUIRE(client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
    REQUIRE(client.send("3\r\nabc\r\n"));
    CHECK(client.silent());
    CHECK(scripts.calls() == 0);
    CHECK(has(client.exchange("0\r\n\r\n" + get("/hello"), dots(2)), "\r\n\r\nabc!"));
  }

  TEST_CASE("a client that waits for it is asked for its body when the application reads") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    const std::string expects = "Content-Length: 3\r\nExpect: 100-continue\r\n";
    FrontSocket client = server.connect();
    REQUIRE(client.send(post("/echo", expects, "")));
    const std::string go = "HTTP/1.1 100 Continue\r\n\r\n";
    CHECK(client.receive([&](const std::string& got) { return got.size() >= go.size(); }) == go);
    CHECK(has(client.exchange("abc", dots(1)), "\r\n\r\nabc!"));
    // It does not read: the client must not send its body on this connection, nor another request.
    const std::string unread = client.exchange(post("/hello", expects, ""));
    CHECK(has(unread, "\r\nConnection: close\r\n"));
    CHECK_FALSE(has(unread, "100"));
    CHECK(client.ended());
    // The whole body is there already.
    const std::string whole = server.connect().exchange(post("/echo", expects, "abc"), dots(1));
    CHECK(has(whole, "\r\n\r\nabc!"));
  }

  TEST_CASE("with --spool-bodies it is asked at once") {
    Scripts scripts;
    UsualOptions options;
    options.spool_bodies = true;
    RunningServer server(scripts, for_clients(options));
    FrontSocket client = server.connect();
    REQUIRE(client.send(post("/echo", "Content-Length: 3\r\nExpect: 100-continue\r\n", "")));
    CHECK(has(client.receive([](const std::string& got) { return has(got, "\r\n\r\n"); }), "100"));
    CHECK(scripts.calls() == 0);
    CHECK(has(client.exchange("abc", dots(1)), "\r\n\r\nabc!"));
  }

  TEST_CASE("a body in chunks is asked for at once, since the application must learn its length") {
    Scripts scripts;
    UsualOptions options;
    options.max_body = 3;
    RunningServer server(scripts, for_clients(options));
    const std::string head =
        post("/echo", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", "");
    FrontSocket client = server.connect();
    REQUIRE(client.send(head));
    CHECK(has(client.receive([](const std::string& got) { return has(got, "\r\n\r\n"); }), "100"));
    CHECK(scripts.calls() == 0);
    CHECK(has(client.exchange("3\r\nabc\r\n0\r\n\r\n", dots(1)), "\r\n\r\nabc!"));
    CHECK(has(server.connect().exchange(head + "4\r\nabcd\r\n"), "HTTP/1.1 413 "));
  }

  TEST_CASE("nothing follows a response that was broken off, though its call goes on") {
    ScriptedApplication application;
    application.on("/broken", [&application](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", "Content-Length: 1000\r\n", true};
      ScriptedApplication::stream(exchange, &head, "part");
      exchange.break_off();
      application.gate.wait();
    });
    application.on("/hello", [](gateway::Exchange& exchange) {
      ScriptedApplication::respond(exchange, "hello!");
    });
    RunningServer server(application, for_clients());
    FrontSocket client = server.connect();
    REQUIRE(client.send(get("/broken") + get("/hello")));
    REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
    server.connections();  // the loop has had a turn
    CHECK(application.calls() == 1);
    application.gate.open();
    const std::string got = client.receive();
    CHECK(client.ended());
    CHECK(got.ends_with("\r\n\r\npart"));
    CHECK(application.calls() == 1);
  }

  TEST_CASE("a client that reads nothing does not get all of its requests run") {
    ScriptedApplication application;
    const std::string block(400'000, 'x');
    application.on("/", [&block](gateway::Exchange& exchange) {
      ScriptedApplication::respond(exchange, block);
    });
    RunningServer server(application, for_clients());
    FrontSocket client = server.connect();
    std::string all;
    for (int i = 0; i < 100; ++i) all += get("/");
    REQUIRE(client.send(all));
    REQUIRE(eventually([&] { return application.calls() > 1; }));
    for (int i = 0; i < 100; ++i) server.connections();  // turns of the loop
    CHECK(application.calls() < 50);
    std::size_t got = 0;
    while (got < 100 * block.size()) {
      const std::size_t some =
          client.receive([](const std::string& b) { return !b.empty(); }).size();
      REQUIRE(some > 0);
      got += some;
    }
    CHECK(application.calls() == 100);
  }

  TEST_CASE("what is malformed is refused with its reason, and ends the connection") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    FrontSocket client = server.connect();
    const std::string got = client.exchange(get("/hello") + "GET /x\r\n\r\n" + get("/hello"));
    CHECK(has(got, "hello!HTTP/1.1 400 Bad Request\r\n"));
    CHECK(has(got, "the request line ends with no version of HTTP"));
    CHECK(count(got, "hello!") == 1);
    CHECK(client.ended());
    CHECK_FALSE(client.was_reset());
    const std::string chunks = server.connect().exchange(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx");
    CHECK(has(chunks, "HTTP/1.1 400 Bad Request\r\n"));
    CHECK(has(chunks, "has a chunk without a size"));
    CHECK(server.reporter().count(LogEvent::request_bad) == 2);
    CHECK(scripts.calls() == 1);
  }

  TEST_CASE("nothing runs after an answer in a call's stead") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    FrontSocket client = server.connect();
    REQUIRE(client.send(get("/slow") + get("/hello")));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    server.give_up_calls();
    const std::string got = client.receive();
    CHECK(has(got, "HTTP/1.1 504 Gateway Timeout\r\n"));
    CHECK(has(got, "\r\nConnection: close\r\n"));
    CHECK_FALSE(has(got, "hello"));
    CHECK(client.ended());
    CHECK(scripts.calls() == 1);
  }

  TEST_CASE("what a client sends after the last response is read and dropped") {
    Scripts scripts;
    UsualOptions options;
    options.max_body = 10;
    RunningServer server(scripts, for_clients(options));
    FrontSocket client = server.connect();
    const std::string got = client.exchange(upload("/echo", std::string(100'000, 'x')));
    CHECK(has(got, "HTTP/1.1 413 "));
    CHECK(has(got, "\r\nConnection: close\r\n"));
    CHECK(client.ended());
    CHECK_FALSE(client.was_reset());
  }

  TEST_CASE("a head that takes too long is answered with 408") {
    Scripts scripts;
    UsualOptions options;
    options.header_timeout = 300ms;
    RunningServer server(scripts, for_clients(options));
    FrontSocket client = server.connect();
    REQUIRE(client.send(get("/hello") + "GET / HT"));
    const std::string got = client.receive();
    CHECK(has(got, "hello!HTTP/1.1 408 Request Timeout\r\n"));
    CHECK(client.ended());
  }

  TEST_CASE("a connection that stays idle is closed after --keep-alive-timeout") {
    Scripts scripts;
    UsualOptions options;
    options.keep_alive_timeout = 300ms;
    RunningServer server(scripts, for_clients(options));
    FrontSocket silent = server.connect();
    FrontSocket used = server.connect();
    CHECK(has(used.exchange(get("/hello"), dots(1)), "hello!"));
    CHECK(silent.sees_end());
    CHECK(used.sees_end());
    // A call, or a response that is not taken, is not idleness.
    FrontSocket busy = server.connect();
    REQUIRE(busy.send(get("/slow")));
    CHECK(server.connect().sees_end());
    CHECK(server.connect().sees_end());
    CHECK(busy.silent());
    scripts.gate.open();
    CHECK(has(busy.receive(dots(1)), "slow!"));
    CHECK(busy.sees_end());
  }

  TEST_CASE("0 keeps idle connections") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    FrontSocket client = server.connect();
    CHECK(has(client.exchange(get("/hello"), dots(1)), "hello!"));
    CHECK(has(client.exchange(get("/hello"), dots(1)), "hello!"));
    CHECK(server.connections() == 1);
  }

  TEST_CASE("a server that drains says that the connection ends, and serves what it has read") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    FrontSocket idle = server.connect();
    CHECK(has(idle.exchange(get("/hello"), dots(1)), "hello!"));
    FrontSocket client = server.connect();
    REQUIRE(client.send(get("/slow")));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    server.drain();
    CHECK(idle.sees_end());
    scripts.gate.open();
    CHECK(has(client.receive(), "\r\nConnection: close\r\n\r\nslow!"));
    CHECK(client.ended());
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("a draining server hands idle connections over") {
    Scripts scripts;
    RunningServer server(scripts, for_clients());
    RunningServer next(scripts, for_clients());
    FrontSocket client = server.connect();
    CHECK(has(client.exchange(get("/hello"), dots(1)), "hello!"));
    server.drain([&next](int socket) {
      support::UniqueFd copy(::dup(socket));
      next.on_loop([&] { next.server().adopt(std::move(copy), net::Caller::client, {}); });
      return true;
    });
    CHECK(has(client.exchange(get("/hello"), dots(1)), "hello!"));
    CHECK_FALSE(client.ended());
  }

  TEST_CASE("a request that waits goes to an idle peer, as that of a client") {
    BusyServer here;
    Wired wired;
    here.server.adopt(
        std::move(wired.server), net::Caller::client,
        post("/there", "X-One: 1\r\nTransfer-Encoding: chunked\r\n", "4\r\nbody\r\n0\r\n\r\n"));
    REQUIRE(here.pool.waiting.size() == 1);
    CHECK(net::Connection::try_hand_over(*here.pool.waiting.front()) == net::HandOver::done);
    REQUIRE(here.peers.given.size() == 1);
    CHECK(here.peers.given.front().caller == net::Caller::client);
    CHECK(here.peers.given.front().bytes ==
          "POST /there HTTP/1.1\r\nHOST:a.test\r\nX-ONE:1\r\nContent-Length:4\r\n\r\nbody");
  }

  TEST_CASE("a further request goes with it") {
    BusyServer here;
    Wired wired;
    here.server.adopt(std::move(wired.server), net::Caller::client, get("/1") + get("/2"));
    REQUIRE(here.pool.waiting.size() == 1);
    CHECK(net::Connection::try_hand_over(*here.pool.waiting.front()) == net::HandOver::done);
    REQUIRE(here.peers.given.size() == 1);
    CHECK(here.peers.given.front().bytes == "GET /1 HTTP/1.1\r\nHOST:a.test\r\n\r\n" + get("/2"));
  }

  TEST_CASE("the application sees the ends of the connection") {
    ScriptedApplication application;
    std::string seen;
    application.on("/", [&seen](gateway::Exchange& exchange) {
      for (const char* name : {"REMOTE_ADDR", "SERVER_NAME", "HTTP_HOST"}) {
        seen += std::string(exchange.request().find(name)) + " ";
      }
      ScriptedApplication::respond(exchange, "!");
    });
    RunningServer server(application, for_clients());
    FrontSocket client = server.connect();
    client.exchange("GET / HTTP/1.0\r\n\r\n");
    client = server.connect();
    client.exchange(get("/"), dots(1));
    CHECK(seen == "127.0.0.1 127.0.0.1  127.0.0.1 a.test a.test ");
  }

  TEST_CASE("only trusted proxies tell of another client") {
    ScriptedApplication application;
    std::string seen;
    application.on("/", [&seen](gateway::Exchange& exchange) {
      const gateway::Request& request = exchange.request();
      seen = std::string(request.find("REMOTE_ADDR")) + " ";
      seen += std::string(request.find("REMOTE_PORT").empty() ? "" : "port ");
      seen += std::string(request.find("HTTP_HOST")) + " " +
              std::string(request.find("SERVER_NAME")) + " " + std::string(request.url_scheme());
      ScriptedApplication::respond(exchange, "!");
    });
    const std::string fields =
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b.test\r\n"
        "X-Forwarded-For: 192.0.2.2:99\r\nForwarded: for=192.0.2.3\r\n";
    UsualOptions options;
    options.environ.trust_forwarded_proto = true;
    const auto ask = [&](const UsualOptions& with) {
      RunningServer server(application, for_clients(with));
      FrontSocket client = server.connect();
      for (int i = 0; i < 2; ++i) client.exchange(get("/", fields), dots(1));
      return seen;
    };
    CHECK(ask(options) == "127.0.0.1 port a.test a.test http");
    options.proxies.networks = {*support::IpNetwork::parse("192.0.2.0/24")};
    CHECK(ask(options) == "127.0.0.1 port a.test a.test http");
    options.proxies.networks = {*support::IpNetwork::parse("127.0.0.1")};
    CHECK(ask(options) == "192.0.2.2 port b.test b.test https");
    options.proxies.fields = gateway::ProxyFields::forwarded;
    CHECK(ask(options) == "192.0.2.3 a.test a.test http");
  }

  TEST_CASE("a front's socket speaks no HTTP") {
    Scripts scripts;
    RunningServer server(scripts);
    CHECK(has(server.connect().exchange(get("/hello")), "HTTP/1.1 400 Bad Request\r\n"));
    CHECK(scripts.calls() == 0);
  }
}
