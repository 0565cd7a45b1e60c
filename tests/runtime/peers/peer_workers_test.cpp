// Tests of connections that go from one worker to another.

#include "runtime/peers/peer_workers.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/no_descriptors.hpp"
#include "fakes/recording_taker.hpp"
#include "fakes/wired.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/peers/handover.hpp"
#include "runtime/peers/inboxes.hpp"

using namespace appd;
using namespace appd::test;
using ipc::Scoreboard;
using ipc::WorkerLoad;
using peers::HandoverQueue;
using peers::Inboxes;
using peers::PeerWorkers;
using support::UniqueFd;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostBytes = net::Peers::kMostBytes;

/// A worker as far as its peers know it; it stands still but for `turn`.
class Member {
 public:
  Member(unsigned index, std::span<WorkerLoad> loads, const Inboxes& boxes,
         const HandoverQueue& queue, unsigned threads)
      : peers(loop_, index, loads, boxes.boxes(), queue, threads) {}

  void open() {
    peers.open(taker, [this] { ++asked; });
  }
  /// Begins to close.
  void close() {
    peers.close([this] { ++closed; });
  }
  /// Closes, and waits for it with the loop.
  bool close_all() {
    close();
    return eventually([this] {
      if (closed == 0) turn();
      return closed == 1;
    });
  }
  /// Lets its loop do one thing that is due, if there is any.
  void turn() {
    loop_.wake();
    loop_.run_one();
  }
  void turns(int count) {
    for (int i = 0; i < count; ++i) turn();
  }

 private:
  net::EventLoop loop_;

 public:
  RecordingTaker taker;
  std::vector<RecordingTaker::Taken>& adopted = taker.adopted;
  PeerWorkers peers;
  int asked = 0;   // to share
  int closed = 0;  // how often it has closed
};

/// Workers of one application, all open.
struct Team {
  explicit Team(unsigned workers, unsigned threads = 1)
      : thread_count(threads), board(workers, threads), boxes(workers) {
    for (unsigned i = 0; i < workers; ++i) begin(i);
  }
  void begin(unsigned index) {
    auto& member = index < members.size() ? members[index] : members.emplace_back();
    member = std::make_unique<Member>(index, board.loads(), boxes, queue, thread_count);
    member->open();
  }
  /// Its worker dies; nobody hears of it but the master.
  void kill(unsigned index) {
    members[index].reset();
    board.clear(index);
  }
  Member& operator[](unsigned index) { return *members[index]; }
  WorkerLoad& load(unsigned index) { return board.loads()[index]; }
  bool give(unsigned from, std::string_view bytes = {}) {
    const Wired wired;
    return members[from]->peers.give(wired.server.get(), bytes);
  }

  const unsigned thread_count;
  Scoreboard board;
  Inboxes boxes;
  HandoverQueue queue;
  std::vector<std::unique_ptr<Member>> members;
};

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
      REQUIRE(team[0].peers.give(wired.server.get(), bytes));
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
        while (team[0].peers.give(wired.server.get(), "x") && given < 100) ++given;
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
    REQUIRE(team.boxes.boxes()[1].send(wired.server.get(), "late"));
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
    REQUIRE(team.boxes.boxes()[1].send(wired.server.get()));
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
    REQUIRE(box.send(late.server.get()));
    team[1].turns(2);
    CHECK(team[1].adopted.size() == 1);
    // The one that is taken is the last of the server's, which has drained then.
    team[1].taker.on_taken = [&] { team[1].peers.end(); };
    REQUIRE(box.send(later.server.get()));
    REQUIRE(box.send(last.server.get()));
    team[1].turns(5);
    CHECK(team[1].adopted.size() == 2);
    // The rest is the master's.
    const HandoverQueue queue;
    CHECK(peers::recover(box.out.get(), queue) == 1);
  }

  TEST_CASE("a connection for whichever worker serves next goes into the handover queue") {
    Team team(1);
    Wired wired;
    REQUIRE(team[0].peers.queue_for_handover(wired.server.get()));
    wired.server.reset();
    std::vector<char> buffer(kMostBytes);
    peers::ChannelReader::Message message;
    peers::ChannelReader reader(team.queue.out.get());
    REQUIRE(reader.look(buffer, message) == peers::ChannelReader::Found::one);
    CHECK(message.bytes.empty());
    CHECK(heard(wired.front, message.socket, "from the next") == "from the next");
    peers::end_channel(team.queue.in.get());
    CHECK_FALSE(team[0].peers.queue_for_handover(message.socket.get()));
  }

  TEST_CASE("a worker that ends while it closes takes nothing more") {
    Team team(2, 10);
    for (const char* bytes : {"one", "two", "three"}) REQUIRE(team.give(0, bytes));
    team[1].taker.on_taken = [&] { team[1].peers.end(); };
    team[1].close();
    CHECK(team[1].closed == 1);
    CHECK(team[1].adopted.size() == 1);
  }

  TEST_CASE("what lies in the box of a worker that died is its replacement's") {
    Team team(2, 10);
    Wired wired;
    REQUIRE(team[0].peers.give(wired.server.get(), "for the first"));
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
    REQUIRE(team[0].peers.give(first.server.get(), "first"));
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
