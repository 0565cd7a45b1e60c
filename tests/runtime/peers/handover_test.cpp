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
#include "fakes/wired.hpp"
#include "runtime/peers/connection_message.hpp"
#include "runtime/peers/peer_workers.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using peers::hand_over;
using peers::HandoverQueue;
using peers::HandoverReceiver;
using support::UniqueFd;

namespace {

/// A worker as far as the box knows it; it stands still but for `turns`.
class Member {
 public:
  explicit Member(const HandoverQueue& box) : receiver(loop_, box) {}

  void open() {
    receiver.open([this](UniqueFd socket, std::string_view bytes) {
      adopted.push_back(std::move(socket));
      read.emplace_back(bytes);
    });
  }
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
  HandoverReceiver receiver;
  std::vector<UniqueFd> adopted;
  std::vector<std::string> read;  // of each
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
    if (!hand_over(box, wired.server.get())) return put;
    put.push_back(std::move(wired));
  }
  FAIL("a box without an end");
  return put;
}

/// A worker whose loop has a thread of its own.
class RunningMember {
 public:
  RunningMember(const HandoverQueue& box, HandoverReceiver::Adopt adopt)
      : handover_receiver_(loop_, box) {
    thread_ = std::thread([this, adopt = std::move(adopt)] {
      handover_receiver_.open(adopt);
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
  HandoverReceiver handover_receiver_;
  bool ended_ = false;  // its thread's
  std::thread thread_;
};

}  // namespace

TEST_SUITE("handover queue") {
  TEST_CASE("what lies in a dead worker's inbox goes into the box, with what was read of it") {
    const peers::Inboxes inboxes(2);
    const peers::Inboxes::Box& inbox = inboxes.boxes()[1];
    const HandoverQueue box;
    Member member(box);
    member.open();
    const Wired first = Wired(), second = Wired();
    std::string bytes = "a request's head";
    peers::Message whole(bytes), unread({}), offer({});
    whole.mark = unread.mark = peers::Mark::connection;
    whole.put_descriptor(first.server.get());
    unread.put_descriptor(second.server.get());
    offer.mark = peers::Mark::has_time;
    offer.leave_out_descriptor();
    for (const peers::Message* each : {&whole, &offer, &unread}) {
      REQUIRE(each->send(inbox.in.get()));
    }
    CHECK(peers::recover(inbox.out.get(), box) == 2);
    CHECK(peers::recover(inbox.out.get(), box) == 0);
    member.turns(3);
    CHECK(member.read == std::vector<std::string>{"a request's head", ""});
    REQUIRE(member.adopted.size() == 2);
    CHECK(heard(first.front, member.adopted[0], "answer") == "answer");
    CHECK(heard(second.front, member.adopted[1], "answer") == "answer");
  }

  TEST_CASE("a inbox that is closed takes nothing more, and what is in can be saved") {
    const peers::Inboxes inboxes(2);
    const peers::Inboxes::Box& inbox = inboxes.boxes()[1];
    const HandoverQueue box;
    Member member(box);
    member.open();
    const Wired wired;
    peers::Message message({});
    message.mark = peers::Mark::connection;
    message.put_descriptor(wired.server.get());
    REQUIRE(message.send(inbox.in.get()));
    peers::close_inbox(inbox.out.get());
    CHECK_FALSE(message.send(inbox.in.get()));
    CHECK(peers::recover(inbox.out.get(), box) == 1);
    member.turns(2);
    CHECK(member.adopted.size() == 1);
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
    RunningMember receiver(box, [&](UniqueFd, std::string_view) { ++adopted; });
    const Wired wired;
    REQUIRE(hand_over(box, wired.server.get()));
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
    REQUIRE(hand_over(box, wired.server.get()));
    CHECK(member.adopted.empty());
    wired.server.reset();
    member.turns(2);
    REQUIRE(member.adopted.size() == 1);
    const UniqueFd& socket = member.adopted.front();
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
    for (const Wired& each : wired) REQUIRE(hand_over(box, each.server.get()));
    members[0]->turns(20);
    members[1]->turns(10);
    members[2]->turns(100);
    CHECK(members[0]->adopted.size() == 20);
    CHECK(members[1]->adopted.size() == 10);
    CHECK(members[2]->adopted.size() == 30);
    std::size_t at = 0;
    for (const auto& member : members) {
      for (const UniqueFd& socket : member->adopted) {
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
      REQUIRE(hand_over(box, each.server.get()));
      each.server.reset();
    }
    Member member(box);
    member.turns(3);
    CHECK(member.adopted.empty());  // not open yet
    member.open();
    member.turns(5);
    REQUIRE(member.adopted.size() == 3);
    CHECK(heard(wired[2].front, member.adopted[2], "late") == "late");
  }

  TEST_CASE("a full box takes nothing, and nothing happens to the connection") {
    const HandoverQueue box;
    const std::vector<Wired> put = fill(box);
    CHECK(put.size() >= 100);
    const Wired one_more;
    const std::size_t before = open_descriptors();
    CHECK_FALSE(hand_over(box, one_more.server.get()));
    CHECK(open_descriptors() == before);
    CHECK(heard(one_more.front, one_more.server, "here") == "here");
    Member member(box);
    member.open();
    member.turns(static_cast<int>(put.size()));
    CHECK(hand_over(box, one_more.server.get()));
    member.turns(5);
    CHECK(member.adopted.size() == put.size() + 1);
    CHECK(heard(one_more.front, member.adopted.back(), "there") == "there");
  }

  TEST_CASE("a closed receiver takes nothing more") {
    const HandoverQueue box;
    Member closed(box);
    closed.open();
    closed.turns(1);
    const Wired wired;
    closed.receiver.close();
    REQUIRE(hand_over(box, wired.server.get()));
    closed.turns(3);
    CHECK(closed.adopted.empty());
    closed.receiver.close();  // an order may come twice
    CHECK(closed.adopted.empty());
    Member other(box);
    other.open();
    other.turns(3);
    CHECK(other.adopted.size() == 1);
  }

  TEST_CASE("a receiver that closes before it was open takes nothing") {
    const HandoverQueue box;
    const Wired wired;
    REQUIRE(hand_over(box, wired.server.get()));
    Member member(box);
    member.receiver.close();
    member.turns(2);
    CHECK(member.adopted.empty());
  }

  TEST_CASE("a receiver may be closed by what it gives") {
    const HandoverQueue box;
    Member member(box);
    member.receiver.open([&](UniqueFd socket, std::string_view) {
      member.adopted.push_back(std::move(socket));
      member.receiver.close();
    });
    std::vector<Wired> wired(3);
    for (const Wired& each : wired) REQUIRE(hand_over(box, each.server.get()));
    member.turns(5);
    CHECK(member.adopted.size() == 2);  // the one that it may have been woken for comes with it
    Member other(box);
    other.open();
    other.turns(5);
    CHECK(member.adopted.size() + other.adopted.size() == 3);
  }

  TEST_CASE("without a free descriptor a connection stays in the box until there is one") {
    const HandoverQueue box;
    Member member(box);
    member.open();
    Wired waits;
    REQUIRE(hand_over(box, waits.server.get()));
    waits.server.reset();
    {
      const NoDescriptors none;
      member.turns(3);
      CHECK(member.adopted.empty());
    }
    char byte = 0;
    CHECK(::recv(waits.front.get(), &byte, 1, MSG_DONTWAIT) < 0);  // it is open
    const Wired next_one;
    REQUIRE(hand_over(box, next_one.server.get()));
    CHECK(eventually([&] {
      member.turns(1);
      return member.adopted.size() == 2;
    }));
  }

  TEST_CASE("a receiver that closes while it waits for a descriptor takes nothing more") {
    const HandoverQueue box;
    Member closed(box);
    closed.open();
    const Wired wired;
    REQUIRE(hand_over(box, wired.server.get()));
    {
      const NoDescriptors none;
      closed.turns(3);
      closed.receiver.close();
    }
    const auto until = std::chrono::steady_clock::now() + 100ms;  // many times longer than it waits
    while (std::chrono::steady_clock::now() < until) closed.turns(1);
    CHECK(closed.adopted.empty());
    Member other(box);
    other.open();
    other.turns(3);
    CHECK(other.adopted.size() == 1);
  }

  TEST_CASE("a receiver without a descriptor that can make room takes the connection at once") {
    const HandoverQueue box;
    Member member(box);
    std::optional<NoDescriptors> none;
    int asked = 0;
    member.receiver.open(
        [&](UniqueFd socket, std::string_view) { member.adopted.push_back(std::move(socket)); },
        [&] {
          ++asked;
          none.reset();
          return true;
        });
    const Wired given;
    REQUIRE(hand_over(box, given.server.get()));
    none.emplace();
    member.turns(3);
    CHECK(asked == 1);
    CHECK(member.adopted.size() == 1);
  }

  TEST_CASE("what a dead worker had been given is not lost while the master has no descriptor") {
    const peers::Inboxes inboxes(2);
    const peers::Inboxes::Box& inbox = inboxes.boxes()[1];
    const HandoverQueue box;
    Member member(box);
    member.open();
    const Wired given;
    REQUIRE(hand_over({UniqueFd(::dup(inbox.in.get())), UniqueFd()}, given.server.get()));
    {
      const NoDescriptors none;
      CHECK(peers::recover(inbox.out.get(), box) == 0);
    }
    CHECK(peers::recover(inbox.out.get(), box) == 1);
    CHECK(peers::recover(inbox.out.get(), box) == 0);
    member.turns(10);
    CHECK(member.adopted.size() == 1);
  }

  TEST_CASE("no descriptor is left over") {
    const std::size_t before = open_descriptors();
    {
      const HandoverQueue box;
      Member member(box);
      member.open();
      for (int i = 0; i < 20; ++i) {
        const Wired wired;
        REQUIRE(hand_over(box, wired.server.get()));
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
          box, [&](UniqueFd socket, std::string_view) { hand_over(box, socket.get()); });
      RunningMember staying(box, [&](UniqueFd, std::string_view) { ++arrived; });
      const Wired wired;
      REQUIRE(hand_over(box, wired.server.get()));
      closing.close();
      REQUIRE(eventually([&] { return arrived == 1; }));
    }
  }
}
