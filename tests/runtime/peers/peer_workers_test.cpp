// Tests of connections that go from one worker to another.

#include "runtime/peers/peer_workers.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/no_descriptors.hpp"
#include "fakes/wired.hpp"
#include "runtime/peers/connection_channel.hpp"
#include "runtime/peers/inboxes.hpp"
#include "team.hpp"

using namespace appd;
using namespace appd::test;
using peers::Inboxes;

namespace {

constexpr std::size_t kMostBytes = net::Peers::kMostBytes;

}  // namespace

TEST_SUITE("peers") {
  TEST_CASE("a connection goes over with the bytes that were read of it") {
    std::string most(kMostBytes, 'm');
    most.back() = '!';
    for (const std::string& bytes :
         {std::string(), std::string(1, '\0'), std::string("GET"), most}) {
      CAPTURE(bytes.size());
      Team team(2);
      Wired wired;
      REQUIRE(team[0].peers.give(wired.server.get(), net::Caller::front, bytes));
      CHECK(team[1].adopted.empty());
      team[1].turns(2);
      REQUIRE(team[1].adopted.size() == 1);
      const auto& [socket, came] = team[1].adopted.front();
      CHECK(came == bytes);
      // Its giver still has its own; either is the same connection.
      CHECK(heard(wired.front, socket, "from the new one") == "from the new one");
      CHECK(heard(wired.front, wired.server, "from the old one") == "from the old one");
      wired.server.reset();
      CHECK(heard(wired.front, socket, "still") == "still");
      CHECK((::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
  }

  TEST_CASE("only one with an idle thread is given anything") {
    Team team(2, 3);
    struct Row {
      int running, waiting, incoming;
      bool idle;
    };
    for (const Row row :
         {Row{0, 0, 0, true}, Row{2, 0, 0, true}, Row{3, 0, 0, false}, Row{0, 3, 0, false},
          Row{0, 0, 3, false}, Row{1, 1, 1, false}, Row{1, 1, 0, true}, Row{3, 0, -1, false}}) {
      CAPTURE(row.running);
      CAPTURE(row.waiting);
      CAPTURE(row.incoming);
      team.load(1).running = row.running;
      team.load(1).waiting = row.waiting;
      team.load(1).incoming = row.incoming;
      CHECK(team[0].peers.any_idle() == row.idle);
      const std::size_t before = team[1].adopted.size();
      CHECK(team.give(0) == row.idle);
      CHECK(team.load(1).incoming == row.incoming + row.idle);
      team[1].turns(2);
      CHECK(team[1].adopted.size() == before + row.idle);
      CHECK(team.load(1).incoming == row.incoming);
    }
  }

  TEST_CASE("what is on its way to a worker counts, until it is there") {
    Team team(2);
    CHECK(team.give(0));
    CHECK(team.load(1).incoming == 1);
    CHECK_FALSE(team.give(0));
    team[1].turn();
    CHECK(team.load(1).incoming == 0);
    CHECK(team.give(0));
    team[1].turns(3);
    CHECK(team[1].adopted.size() == 2);
  }

  TEST_CASE("the next one with an idle thread is chosen, never oneself") {
    Team team(4);
    const auto chosen = [&](unsigned from) {
      if (!team.give(from)) return -1;
      for (unsigned i = 0; i < 4; ++i) {
        team[i].turns(2);
        if (!std::exchange(team[i].adopted, {}).empty()) return static_cast<int>(i);
      }
      return -2;
    };
    CHECK(chosen(0) == 1);
    CHECK(chosen(1) == 2);
    CHECK(chosen(3) == 0);
    team.load(1).running = 1;
    CHECK(chosen(0) == 2);
    team.load(2).open = false;
    CHECK(chosen(0) == 3);
    team.load(3).waiting = 1;
    CHECK(chosen(0) == -1);
    CHECK_FALSE(team[0].peers.any_idle());
    CHECK(chosen(1) == 0);
  }

  TEST_CASE("who has served what it was given offers its time where most requests wait") {
    Team team(4);
    team.load(0).waiting = 1;
    team.load(2).waiting = 3;
    team.load(3).waiting = 2;
    const auto asked = [&] {
      std::vector<int> counts;
      for (unsigned i = 0; i < 4; ++i) {
        team[i].turns(2);
        counts.push_back(std::exchange(team[i].asked, 0));
      }
      return counts;
    };
    CHECK(asked() == std::vector{0, 0, 0, 0});  // nothing was given
    REQUIRE(team.give(0));
    team[1].turn();  // takes it
    CHECK(asked() == std::vector{0, 0, 1, 0});
    CHECK(asked() == std::vector{0, 0, 0, 0});  // once
    CHECK(team.load(2).incoming == 0);
    CHECK(team[2].adopted.empty());
  }

  TEST_CASE("time is not offered by who has none, to who needs none, or to who is closed") {
    for (const char* const why : {"busy", "nobody waits", "closed"}) {
      CAPTURE(why);
      Team team(2);
      team.load(0).waiting = why == std::string_view("nobody waits") ? 0 : 1;
      REQUIRE(team.give(0));
      team[1].turn();
      if (why == std::string_view("busy")) team.load(1).running = 1;
      if (why == std::string_view("closed")) team.load(0).open = false;
      team[1].turns(2);
      team[0].turns(2);
      CHECK(team[0].asked == 0);
    }
  }

  TEST_CASE("a request that is too large stays, and nothing is counted") {
    Team team(2);
    CHECK_FALSE(team.give(0, std::string(kMostBytes + 1, 'x')));
    CHECK(team.load(1).incoming == 0);
    team[1].turns(2);
    CHECK(team[1].adopted.empty());
    CHECK(team.give(0, std::string(kMostBytes, 'x')));
  }

  TEST_CASE(
      "a box that is full takes nothing more; what it took arrives, one at a time, in order") {
    Team team(2, 1000);
    std::size_t given = 0;
    while (given < 1000 && team.give(0, std::string(kMostBytes, static_cast<char>(given)))) ++given;
    REQUIRE(given > 1);
    REQUIRE(given < 1000);
    CHECK(team.load(1).incoming == static_cast<int>(given));
    for (std::size_t i = 0; i < given; ++i) {
      CHECK(team[1].adopted.size() == i);
      team[1].turn();
    }
    REQUIRE(team[1].adopted.size() == given);
    for (std::size_t i = 0; i < given; ++i) {
      CHECK(team[1].adopted[i].second.front() == static_cast<char>(i));
    }
    CHECK(team.load(1).incoming == 0);
    CHECK(team.give(0));
  }

  TEST_CASE("a connection for whichever worker serves next goes into the handover queue") {
    Team team(1);
    Wired wired;
    REQUIRE(team[0].peers.queue_for_handover(wired.server.get(), net::Caller::proxied, "first"));
    wired.server.reset();
    std::vector<char> buffer(kMostBytes);
    peers::ChannelReader::Message message;
    peers::ChannelReader reader(team.queue.out.get());
    REQUIRE(reader.look(buffer, message) == peers::ChannelReader::Found::one);
    CHECK(message.caller() == net::Caller::proxied);
    CHECK(message.bytes == "first");
    CHECK(heard(wired.front, message.socket, "from the next") == "from the next");
    peers::end_channel(team.queue.in.get());
    CHECK_FALSE(team[0].peers.queue_for_handover(message.socket.get(), net::Caller::front, {}));
  }

  TEST_CASE("what lies in the box of a worker that died is its replacement's") {
    Team team(2, 10);
    Wired wired;
    REQUIRE(team[0].peers.give(wired.server.get(), net::Caller::front, "for the first"));
    wired.server.reset();
    REQUIRE(team.give(0, "second"));
    team.kill(1);
    CHECK_FALSE(team.give(0));  // it has no replacement yet
    team.begin(1);
    CHECK(team.give(0, "third"));
    team[1].turns(5);
    REQUIRE(team[1].adopted.size() == 3);
    CHECK(team[1].adopted[0].second == "for the first");
    CHECK(heard(wired.front, team[1].adopted[0].first, "answer") == "answer");
    CHECK(team[1].adopted[2].second == "third");
    CHECK(team.load(1).incoming == 0);
  }

  TEST_CASE("descriptors are not left open, whether given or not") {
    Team team(2);
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 50; ++i) {
      CHECK(team.give(0));
      CHECK_FALSE(team.give(0));
      team[1].turns(2);
    }
    CHECK(team[1].adopted.size() == 50);
    CHECK(open_descriptors() == before + 50);
    team[1].adopted.clear();
    CHECK(open_descriptors() == before);
  }

  TEST_CASE("without a free descriptor a connection stays in the box until there is one") {
    Team team(2, 2);
    const Wired first;
    REQUIRE(team[0].peers.give(first.server.get(), net::Caller::front, "first"));
    REQUIRE(team.give(0, "second"));
    {
      const NoDescriptors none;
      team[1].turns(5);
      CHECK(team[1].adopted.empty());
      CHECK(team.load(1).incoming == 2);
    }
    REQUIRE(eventually([&] {
      team[1].turn();
      return team[1].adopted.size() == 2;
    }));
    CHECK(team[1].adopted[0].second == "first");
    CHECK(team[1].adopted[1].second == "second");
    CHECK(team.load(1).incoming == 0);
    char byte = 0;
    CHECK(::recv(first.front.get(), &byte, 1, MSG_DONTWAIT) < 0);  // it is open
  }

  TEST_CASE("a worker that is full is given nothing") {
    Team team(2);
    team[1].peers.set_full(true);
    CHECK_FALSE(team[0].peers.any_idle());
    CHECK_FALSE(team.give(0));
    team[1].peers.set_full(false);
    CHECK(team.give(0));
    team[1].turns(2);
    CHECK(team[1].adopted.size() == 1);
  }

  TEST_CASE("a worker whose threads do not get into the interpreter is given nothing") {
    Team team(2);
    team.load(1).stalled.store(1);
    CHECK_FALSE(team[0].peers.any_idle());
    CHECK_FALSE(team.give(0));
    team.kill(1);
    team.begin(1);
    CHECK(team[0].peers.any_idle());
  }

  TEST_CASE("a worker without others opens, gives nothing and closes") {
    const std::size_t before = open_descriptors();
    const Inboxes boxes(1);
    CHECK(open_descriptors() == before);
    CHECK(boxes.boxes().empty());
    Team alone(1);
    CHECK_FALSE(alone[0].peers.any_idle());
    CHECK_FALSE(alone.give(0));
    alone[0].close();
    CHECK(alone[0].closed == 1);
    CHECK(alone[0].adopted.empty());
  }
}
