// Workers of one application, as their peers know them, without processes or servers.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/recording_taker.hpp"
#include "fakes/wired.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/peers/handover.hpp"
#include "runtime/peers/inboxes.hpp"
#include "runtime/peers/peer_workers.hpp"

namespace appd::test {

/// A worker as far as its peers know it; it stands still but for `turn`.
class Member {
 public:
  Member(unsigned index, std::span<ipc::WorkerLoad> loads, const peers::Inboxes& boxes,
         const peers::HandoverQueue& queue, unsigned threads)
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
  peers::PeerWorkers peers;
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
  ipc::WorkerLoad& load(unsigned index) { return board.loads()[index]; }
  bool give(unsigned from, std::string_view bytes = {}) {
    const Wired wired;
    return members[from]->peers.give(wired.server.get(), net::Caller::front, bytes);
  }

  const unsigned thread_count;
  ipc::Scoreboard board;
  peers::Inboxes boxes;
  peers::HandoverQueue queue;
  std::vector<std::unique_ptr<Member>> members;
};

}  // namespace appd::test
