// Tests of workers that close: what their peers still give them is taken, or left to the master.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "fakes/eventually.hpp"
#include "fakes/wired.hpp"
#include "runtime/peers/connection_channel.hpp"
#include "runtime/peers/handover.hpp"
#include "team.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using peers::HandoverQueue;

TEST_SUITE("peers") {
  TEST_CASE("a worker that has not opened, or has closed, is given nothing") {
    Team team(2);
    CHECK(team.give(0));
    team[1].close();
    CHECK(team[1].closed == 1);
    CHECK_FALSE(team[0].peers.any_idle());
    CHECK_FALSE(team.give(0));
    CHECK(team.load(1).incoming == 0);
    Team fresh(2);
    fresh.members[1] =
        std::make_unique<Member>(1, fresh.board.loads(), fresh.boxes, fresh.queue, 1);
    fresh.load(1).open = false;
    CHECK_FALSE(fresh.give(0));
  }

  TEST_CASE("closing takes all that lies in the box") {
    Team team(2, 10);
    for (const char* bytes : {"one", "two", "three"}) REQUIRE(team.give(0, bytes));
    team[1].close();
    CHECK(team[1].closed == 1);
    REQUIRE(team[1].adopted.size() == 3);
    CHECK(team[1].adopted[0].second == "one");
    CHECK(team[1].adopted[2].second == "three");
    CHECK(team.load(1).incoming == 0);
  }

  TEST_CASE("nothing that is given while a worker closes is left in its box") {
    constexpr int kRounds = 300;
    const Wired wired;
    for (int round = 0; round < kRounds; ++round) {
      CAPTURE(round);
      Team team(2, 1000);
      std::atomic<int> given{0};
      std::thread giver([&] {
        while (team[0].peers.give(wired.server.get(), net::Caller::front, "x") && given < 100)
          ++given;
      });
      while (given < round % 50) std::this_thread::yield();
      REQUIRE(team[1].close_all());
      const std::size_t adopted = team[1].adopted.size();
      giver.join();
      REQUIRE(adopted >= static_cast<std::size_t>(given));
      team[1].turns(3);
      REQUIRE(team[1].adopted.size() == adopted);
      REQUIRE(team.load(1).incoming == 0);
    }
  }

  TEST_CASE("a connection that a peer is about to put into the box is waited for by the loop") {
    Team team(2);
    ++team.load(1).incoming;  // counted, and not sent
    team[1].close();
    CHECK(team[1].closed == 0);
    team[1].turn();
    CHECK(team[1].closed == 0);
    const Wired wired;
    REQUIRE(team.boxes.boxes()[1].send(wired.server.get(), net::Caller::front, "late"));
    REQUIRE(eventually([&] {
      team[1].turn();
      return team[1].closed == 1;
    }));
    REQUIRE(team[1].adopted.size() == 1);
    CHECK(team[1].adopted[0].second == "late");
    CHECK(team.load(1).incoming == 0);
  }

  TEST_CASE("a peer that had counted itself in and changes its mind is not waited for") {
    Team team(2);
    ++team.load(1).incoming;
    team[1].close();
    const auto begun = std::chrono::steady_clock::now();
    --team.load(1).incoming;  // it has seen that the worker is closed
    REQUIRE(eventually([&] {
      team[1].turn();
      return team[1].closed == 1;
    }));
    CHECK(std::chrono::steady_clock::now() - begun < 100ms);
  }

  TEST_CASE("closing waits for a tenth of a second for a peer that died while it gave") {
    Team team(2);
    ++team.load(1).incoming;
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE(team[1].close_all());
    CHECK(std::chrono::steady_clock::now() - begun >= 100ms);
    CHECK(team[1].adopted.empty());
    team[1].close();  // an order may come twice
    CHECK(team[1].closed == 2);
  }

  TEST_CASE("each order to close is told when nothing is on its way any more") {
    Team team(2);
    ++team.load(1).incoming;
    team[1].close();
    team[1].close();
    CHECK(team[1].closed == 0);
    const Wired wired;
    REQUIRE(team.boxes.boxes()[1].send(wired.server.get(), net::Caller::front));
    REQUIRE(eventually([&] {
      team[1].turn();
      return team[1].closed == 2;
    }));
  }

  TEST_CASE("what comes too late for a worker that closes is its own until it ends") {
    Team team(2);
    team.load(1).incoming = 3;
    REQUIRE(team[1].close_all());
    const peers::ConnectionChannel& box = team.boxes.boxes()[1];
    const Wired late, later, last;
    REQUIRE(box.send(late.server.get(), net::Caller::front));
    team[1].turns(2);
    CHECK(team[1].adopted.size() == 1);
    // The one that is taken is the last of the server's, which has drained then.
    team[1].taker.on_taken = [&] { team[1].peers.end(); };
    REQUIRE(box.send(later.server.get(), net::Caller::front));
    REQUIRE(box.send(last.server.get(), net::Caller::front));
    team[1].turns(5);
    CHECK(team[1].adopted.size() == 2);
    // The rest is the master's.
    const HandoverQueue queue;
    CHECK(peers::recover(box.out.get(), queue) == 1);
  }

  TEST_CASE("a worker that ends while it closes takes nothing more") {
    Team team(2, 10);
    for (const char* bytes : {"one", "two", "three"}) REQUIRE(team.give(0, bytes));
    team[1].taker.on_taken = [&] { team[1].peers.end(); };
    team[1].close();
    CHECK(team[1].closed == 1);
    CHECK(team[1].adopted.size() == 1);
  }
}
