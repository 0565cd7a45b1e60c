// Tests of the queue for connections of retired and dead workers.

#include "runtime/peers/handover.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/no_descriptors.hpp"
#include "fakes/recording_taker.hpp"
#include "fakes/wired.hpp"
#include "runtime/peers/connection_channel.hpp"
#include "runtime/peers/inboxes.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using peers::HandoverQueue;
using peers::HandoverReceiver;
using support::UniqueFd;

namespace {

/// A worker as far as the box knows it; it stands still but for `turns`.
class Member {
 public:
  explicit Member(const HandoverQueue& box) : receiver(loop_, box) {}

  void open() { receiver.open(taker); }
  /// Lets its loop do so many things that are due, if there are any.
  void turns(int count) {
    for (int i = 0; i < count; ++i) {
      loop_.wake();
      loop_.run_one();
    }
  }

 private:
  net::EventLoop loop_;

 public:
  RecordingTaker taker;
  std::vector<RecordingTaker::Taken>& taken = taker.taken_over;
  HandoverReceiver receiver;
};

bool sleeps(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string stat;
  std::getline(file, stat);
  return stat.substr(stat.rfind(')') + 1, 2) == " S";
}

/// Puts connections into the box until it takes no more.
std::vector<Wired> fill(const HandoverQueue& box) {
  constexpr std::size_t kMost = 10'000;
  std::vector<Wired> put;
  while (put.size() < kMost) {
    Wired wired;
    if (!box.send(wired.server.get(), net::Caller::front)) return put;
    put.push_back(std::move(wired));
  }
  FAIL("a box without an end");
  return put;
}

/// A worker whose loop has a thread of its own.
class RunningMember {
 public:
  /// `on_taken`: for each connection; it may be taken back from the taker then.
  RunningMember(const HandoverQueue& box, std::function<void(UniqueFd socket)> on_taken)
      : handover_receiver_(loop_, box) {
    taker_.on_taken = [this, on_taken = std::move(on_taken)] {
      on_taken(std::move(taker_.taken_over.back().first));
    };
    thread_ = std::thread([this] {
      handover_receiver_.open(taker_);
      while (!ended_) loop_.run_one();
      handover_receiver_.close();
    });
    std::atomic<bool> runs{false};
    loop_.post([&] { runs = true; });
    REQUIRE(eventually([&] { return runs.load(); }));
  }
  ~RunningMember() {
    loop_.post([this] { ended_ = true; });
    thread_.join();
  }

  /// Soon.
  void close() {
    loop_.post([this] { handover_receiver_.close(); });
  }

 private:
  net::EventLoop loop_;
  RecordingTaker taker_;
  HandoverReceiver handover_receiver_;
  bool ended_ = false;  // its thread's
  std::thread thread_;
};

}  // namespace

TEST_SUITE("handover queue") {
  TEST_CASE("what lies in a dead worker's inbox goes into the box, with what was read of it") {
    const peers::Inboxes inboxes(2);
    const peers::ConnectionChannel& inbox = inboxes.boxes()[1];
    const HandoverQueue box;
    Member member(box);
    member.open();
    const Wired first = Wired(), second = Wired();
    REQUIRE(inbox.send(first.server.get(), net::Caller::front, "a request's head"));
    REQUIRE(inbox.send_offer());
    REQUIRE(inbox.send(second.server.get(), net::Caller::front));
    CHECK(peers::recover(inbox.out.get(), box) == 2);
    CHECK(peers::recover(inbox.out.get(), box) == 0);
    member.turns(3);
    REQUIRE(member.taken.size() == 2);
    CHECK(member.taken[0].second == "a request's head");
    CHECK(member.taken[1].second.empty());
    CHECK(heard(first.front, member.taken[0].first, "answer") == "answer");
    CHECK(heard(second.front, member.taken[1].first, "answer") == "answer");
  }

  TEST_CASE("an inbox that is closed takes nothing more, and what is in can be saved") {
    const peers::Inboxes inboxes(2);
    const peers::ConnectionChannel& inbox = inboxes.boxes()[1];
    const HandoverQueue box;
    Member member(box);
    member.open();
    const Wired wired;
    REQUIRE(inbox.send(wired.server.get(), net::Caller::front));
    peers::close_inbox(inbox.out.get());
    CHECK_FALSE(inbox.send(wired.server.get(), net::Caller::front));
    CHECK(peers::recover(inbox.out.get(), box) == 1);
    member.turns(2);
    CHECK(member.taken.size() == 1);
  }

  TEST_CASE("a receiver takes what a dead worker was woken for, and had not taken") {
    const HandoverQueue box;
    // The kernel wakes it first, as it has been the first to wait, and nobody else.
    const UniqueFd dead(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLEXCLUSIVE;
    REQUIRE(::epoll_ctl(dead.get(), EPOLL_CTL_ADD, box.out.get(), &wanted) == 0);
    std::atomic<bool> woken{false};
    std::atomic<pid_t> thread{0};
    std::thread dying([&] {
      epoll_event event{};
      thread = ::gettid();
      woken = ::epoll_wait(dead.get(), &event, 1, 60'000) == 1;
    });
    REQUIRE(eventually([&] { return thread != 0 && sleeps(thread); }));
    std::atomic<int> adopted{0};
    RunningMember receiver(box, [&](const UniqueFd&) { ++adopted; });
    const Wired wired;
    REQUIRE(box.send(wired.server.get(), net::Caller::front));
    dying.join();
    CHECK(woken.load());
    CHECK(peers::recover(-1, box) == 0);
    CHECK(eventually([&] { return adopted == 1; }));
  }

  TEST_CASE("a connection that is put in comes out, unread bytes and all") {
    const HandoverQueue box;
    Member member(box);
    member.open();
    member.turns(1);
    Wired wired;
    REQUIRE(::send(wired.front.get(), "sent since", 10, 0) == 10);
    REQUIRE(box.send(wired.server.get(), net::Caller::front));
    CHECK(member.taken.empty());
    wired.server.reset();
    member.turns(2);
    REQUIRE(member.taken.size() == 1);
    const UniqueFd& socket = member.taken.front().first;
    CHECK(heard(wired.front, socket, "answer") == "answer");
    CHECK(heard(socket, wired.front, ", and now") == "sent since, and now");
    CHECK((::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }

  TEST_CASE("each connection comes to one of the receivers, whoever has time") {
    const HandoverQueue box;
    std::vector<std::unique_ptr<Member>> members;
    for (int i = 0; i < 3; ++i) {
      members.push_back(std::make_unique<Member>(box));
      members.back()->open();
      members.back()->turns(1);
    }
    std::vector<Wired> wired(60);
    for (const Wired& each : wired) REQUIRE(box.send(each.server.get(), net::Caller::front));
    members[0]->turns(20);
    members[1]->turns(10);
    members[2]->turns(100);
    CHECK(members[0]->taken.size() == 20);
    CHECK(members[1]->taken.size() == 10);
    CHECK(members[2]->taken.size() == 30);
    std::size_t at = 0;
    for (const auto& member : members) {
      for (const auto& [socket, bytes] : member->taken) {
        CHECK(heard(wired[at].front, socket, std::to_string(at)) == std::to_string(at));
        ++at;
      }
    }
  }

  TEST_CASE(
      "what lies in the box waits for a receiver, also when those that put it there are gone") {
    const HandoverQueue box;
    std::vector<Wired> wired(3);
    for (Wired& each : wired) {
      REQUIRE(box.send(each.server.get(), net::Caller::front));
      each.server.reset();
    }
    Member member(box);
    member.turns(3);
    CHECK(member.taken.empty());  // not open yet
    member.open();
    member.turns(5);
    REQUIRE(member.taken.size() == 3);
    CHECK(heard(wired[2].front, member.taken[2].first, "late") == "late");
  }

  TEST_CASE("a full box takes nothing, and nothing happens to the connection") {
    const HandoverQueue box;
    const std::vector<Wired> put = fill(box);
    CHECK(put.size() >= 100);
    const Wired one_more;
    const std::size_t before = open_descriptors();
    CHECK_FALSE(box.send(one_more.server.get(), net::Caller::front));
    CHECK(open_descriptors() == before);
    CHECK(heard(one_more.front, one_more.server, "here") == "here");
    Member member(box);
    member.open();
    member.turns(static_cast<int>(put.size()));
    CHECK(box.send(one_more.server.get(), net::Caller::front));
    member.turns(5);
    CHECK(member.taken.size() == put.size() + 1);
    CHECK(heard(one_more.front, member.taken.back().first, "there") == "there");
  }

  TEST_CASE("a closed receiver takes nothing more") {
    const HandoverQueue box;
    Member closed(box);
    closed.open();
    closed.turns(1);
    const Wired wired;
    closed.receiver.close();
    REQUIRE(box.send(wired.server.get(), net::Caller::front));
    closed.turns(3);
    CHECK(closed.taken.empty());
    closed.receiver.close();  // an order may come twice
    CHECK(closed.taken.empty());
    Member other(box);
    other.open();
    other.turns(3);
    CHECK(other.taken.size() == 1);
  }

  TEST_CASE("a receiver that closes before it was open takes nothing") {
    const HandoverQueue box;
    const Wired wired;
    REQUIRE(box.send(wired.server.get(), net::Caller::front));
    Member member(box);
    member.receiver.close();
    member.turns(2);
    CHECK(member.taken.empty());
  }

  TEST_CASE("a receiver may be closed by what it gives") {
    const HandoverQueue box;
    Member member(box);
    member.taker.on_taken = [&] { member.receiver.close(); };
    member.open();
    std::vector<Wired> wired(3);
    for (const Wired& each : wired) REQUIRE(box.send(each.server.get(), net::Caller::front));
    member.turns(5);
    CHECK(member.taken.size() == 2);  // the one that it may have been woken for comes with it
    Member other(box);
    other.open();
    other.turns(5);
    CHECK(member.taken.size() + other.taken.size() == 3);
  }

  TEST_CASE("without a free descriptor a connection stays in the box until there is one") {
    const HandoverQueue box;
    Member member(box);
    member.open();
    Wired waits;
    REQUIRE(box.send(waits.server.get(), net::Caller::front));
    waits.server.reset();
    {
      const NoDescriptors none;
      member.turns(3);
      CHECK(member.taken.empty());
    }
    char byte = 0;
    CHECK(::recv(waits.front.get(), &byte, 1, MSG_DONTWAIT) < 0);  // it is open
    const Wired next_one;
    REQUIRE(box.send(next_one.server.get(), net::Caller::front));
    CHECK(eventually([&] {
      member.turns(1);
      return member.taken.size() == 2;
    }));
  }

  TEST_CASE("a receiver that closes while it waits for a descriptor takes nothing more") {
    const HandoverQueue box;
    Member closed(box);
    closed.open();
    const Wired wired;
    REQUIRE(box.send(wired.server.get(), net::Caller::front));
    {
      const NoDescriptors none;
      closed.turns(3);
      closed.receiver.close();
    }
    const auto until = std::chrono::steady_clock::now() + 100ms;  // many times longer than it waits
    while (std::chrono::steady_clock::now() < until) closed.turns(1);
    CHECK(closed.taken.empty());
    Member other(box);
    other.open();
    other.turns(3);
    CHECK(other.taken.size() == 1);
  }

  TEST_CASE("a receiver without a descriptor that can make room takes the connection at once") {
    const HandoverQueue box;
    Member member(box);
    std::optional<NoDescriptors> none;
    int asked = 0;
    member.taker.make_room = [&] {
      ++asked;
      none.reset();
      return true;
    };
    member.open();
    const Wired given;
    REQUIRE(box.send(given.server.get(), net::Caller::front));
    none.emplace();
    member.turns(3);
    CHECK(asked == 1);
    CHECK(member.taken.size() == 1);
  }

  TEST_CASE(
      "a receiver that closes makes room for the connection that it may have been woken for") {
    const HandoverQueue box;
    Member member(box);
    std::optional<NoDescriptors> none;
    member.taker.make_room = [&] {
      none.reset();
      return true;
    };
    member.open();
    const Wired given;
    REQUIRE(box.send(given.server.get(), net::Caller::front));
    none.emplace();
    member.receiver.close();
    CHECK(member.taken.size() == 1);
  }

  TEST_CASE("what a dead worker had been given is not lost while the master has no descriptor") {
    const peers::Inboxes inboxes(2);
    const peers::ConnectionChannel& inbox = inboxes.boxes()[1];
    const HandoverQueue box;
    Member member(box);
    member.open();
    const Wired given;
    REQUIRE(inbox.send(given.server.get(), net::Caller::front));
    {
      const NoDescriptors none;
      CHECK(peers::recover(inbox.out.get(), box) == 0);
    }
    CHECK(peers::recover(inbox.out.get(), box) == 1);
    CHECK(peers::recover(inbox.out.get(), box) == 0);
    member.turns(10);
    CHECK(member.taken.size() == 1);
  }

  TEST_CASE("what a dead worker had been given stays in its inbox while the queue is full") {
    const peers::Inboxes inboxes(2);
    const peers::ConnectionChannel& inbox = inboxes.boxes()[1];
    const HandoverQueue box;
    const std::vector<Wired> put = fill(box);
    const Wired first = Wired(), second = Wired();
    REQUIRE(inbox.send(first.server.get(), net::Caller::front, "first"));
    REQUIRE(inbox.send(second.server.get(), net::Caller::front, "second"));
    CHECK(peers::recover(inbox.out.get(), box) == 0);
    Member member(box);
    member.open();
    member.turns(static_cast<int>(put.size()));
    CHECK(peers::recover(inbox.out.get(), box) == 2);
    member.turns(5);
    REQUIRE(member.taken.size() == put.size() + 2);
    CHECK(member.taken[put.size()].second == "first");
    CHECK(member.taken[put.size() + 1].second == "second");
  }

  TEST_CASE("no descriptor is left over") {
    const std::size_t before = open_descriptors();
    {
      const HandoverQueue box;
      Member member(box);
      member.open();
      for (int i = 0; i < 20; ++i) {
        const Wired wired;
        REQUIRE(box.send(wired.server.get(), net::Caller::front));
      }
      member.turns(10);
    }
    CHECK(open_descriptors() == before);
  }

  TEST_CASE("nothing is forgotten in the box when a receiver closes that was woken for it") {
    // The kernel wakes one of those that wait. One that closes before it looks gives on what it
    // was woken for, as a worker does that drains.
    for (int round = 0; round < 200; ++round) {
      CAPTURE(round);
      const HandoverQueue box;
      std::atomic<int> arrived{0};
      RunningMember closing(
          box, [&](const UniqueFd& socket) { box.send(socket.get(), net::Caller::front); });
      RunningMember staying(box, [&](const UniqueFd&) { ++arrived; });
      const Wired wired;
      REQUIRE(box.send(wired.server.get(), net::Caller::front));
      closing.close();
      REQUIRE(eventually([&] { return arrived == 1; }));
    }
  }
}
