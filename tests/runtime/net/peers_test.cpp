// Tests of what a server asks of its peers, without a second worker.

#include "runtime/net/peers.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "fakes/busy_server.hpp"
#include "fakes/front_protocols.hpp"
#include "fakes/usual_options.hpp"
#include "fakes/wired.hpp"
#include "runtime/net/connection.hpp"

using namespace appd;
using namespace appd::test;

TEST_SUITE("peers of a server") {
  TEST_CASE("a request that waits goes to an idle peer, with what has been read of it") {
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      BusyServer here;
      Wired wired;
      const std::string sent =
          request(speech, {.path = "/there", .method = "POST", .body = "body"});
      here.server.adopt(std::move(wired.server), net::Caller::front, sent);
      REQUIRE(here.pool.waiting.size() == 1);
      CHECK(net::Connection::try_hand_over(*here.pool.waiting.front()) == net::HandOver::done);
      REQUIRE(here.peers.given.size() == 1);
      const RecordingPeers::Given& given = here.peers.given.front();
      CHECK(given.bytes.find("/there") != std::string::npos);
      CHECK(given.bytes.find("body") != std::string::npos);
      CHECK(heard(wired.front, given.socket, "from there") == "from there");
      CHECK(here.server.connections() == 0);
    }
  }

  TEST_CASE("it stays when no peer is idle") {
    BusyServer here;
    Wired wired;
    here.server.adopt(std::move(wired.server), net::Caller::front,
                      request(Speech::scgi, {"/here"}));
    REQUIRE(here.pool.waiting.size() == 1);
    here.peers.idle = false;
    CHECK(net::Connection::try_hand_over(*here.pool.waiting.front()) == net::HandOver::nobody);
    CHECK(here.peers.given.empty());
    CHECK(here.server.connections() == 1);
  }

  TEST_CASE("it stays when the server drains") {
    BusyServer here;
    Wired wired;
    here.server.adopt(std::move(wired.server), net::Caller::front,
                      request(Speech::scgi, {"/here"}));
    REQUIRE(here.pool.waiting.size() == 1);
    here.server.drain([] {});
    CHECK(net::Connection::try_hand_over(*here.pool.waiting.front()) == net::HandOver::nobody);
    CHECK(here.peers.given.empty());
    CHECK(here.server.connections() == 1);
  }

  TEST_CASE("an idle connection of a server that drains is queued for handover, or ends here") {
    for (const bool left : {true, false}) {
      CAPTURE(left);
      BusyServer here;
      Wired wired;
      here.server.adopt(std::move(wired.server), net::Caller::front, {});
      bool done = false;
      using Idle = net::Server::Idle;
      here.server.drain([&] { done = true; }, left ? Idle::left : Idle::closed);
      CHECK(here.peers.queued.size() == (left ? 1 : 0));
      CHECK(done == left);
      wired.front.reset();
      while (!done) here.loop.run_one();
      CHECK(here.peers.given.empty());
    }
  }

  TEST_CASE("without other workers it ends here in any case") {
    RecordingReporter reporter;
    BusyPool pool;
    net::EventLoop loop;
    net::Server alone(loop, UsualOptions(), pool, reporter);
    Wired wired;
    alone.adopt(std::move(wired.server), net::Caller::front, {});
    bool done = false;
    alone.drain([&] { done = true; }, net::Server::Idle::left);
    CHECK(alone.connections() == 1);
    wired.front.reset();
    while (!done) loop.run_one();
  }

  TEST_CASE("a connection that comes while every thread is in a call goes to a peer unread") {
    BusyServer here;
    FrontSocket front = here.connect();
    here.loop.run_one();
    REQUIRE(here.peers.given.size() == 1);
    CHECK(here.peers.given.front().bytes.empty());
    CHECK(here.server.connections() == 0);
    here.peers.idle = false;
    FrontSocket next = here.connect();
    here.loop.run_one();
    CHECK(here.peers.given.size() == 1);
    CHECK(here.server.connections() == 1);
  }

  TEST_CASE("peers are told when there is no room for theirs, and when there is again") {
    BusyServer here(1);
    here.peers.idle = false;
    FrontSocket first = here.connect();
    here.loop.run_one();
    CHECK(here.peers.told.empty());
    FrontSocket second = here.connect();
    while (here.peers.told.empty()) here.loop.run_one();
    CHECK(here.peers.told == std::vector{true});
    first.close();
    while (here.peers.told.size() == 1) here.loop.run_one();
    CHECK(here.peers.told == std::vector{true, false});
  }
}
