// The ways in which a connection leaves for another worker.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "runtime/net/event_loop.hpp"
#include "runtime/net/peers.hpp"

namespace appd::net {

/// Where connections can go: to a peer while this worker serves; while it drains, to the handover
/// queue, for the worker that serves next. Loop's thread only.
class OtherWorkers {
 public:
  /// Takes an idle connection and makes its own copy of the descriptor. Returns false if it cannot
  /// now.
  using HandOver = std::function<bool(int socket)>;

  /// `peers` is null if there are none. `try_again` is called some time after a `hand_over` that
  /// returned false.
  OtherWorkers(EventLoop& loop, Peers* peers, EventLoop::Task try_again)
      : peers_(peers), retry_timer_(loop, std::move(try_again)) {}

  /// True if another worker has time for a request that waits here.
  bool any_idle() const noexcept { return peers_ != nullptr && !draining_ && peers_->any_idle(); }
  /// Gives a copy of the descriptor to a peer, which reads `bytes` first. Returns false if no peer
  /// takes it.
  bool give(int socket, std::string_view bytes) noexcept {
    return peers_ != nullptr && !draining_ && peers_->give(socket, bytes);
  }
  /// Tells the peers whether this worker is full, that is, has no room for connections of theirs.
  void set_full(bool full) noexcept {
    if (peers_ != nullptr) peers_->set_full(full);
  }

  /// From now on nothing goes to peers. Idle connections go to `hand_over`, unless it is null.
  void drain(HandOver hand_over) {
    draining_ = true;
    hand_over_ = std::move(hand_over);
  }
  /// True if idle connections are to be handed over.
  bool takes_over() const noexcept { return hand_over_ != nullptr; }
  /// Returns false if it cannot be done now; `try_again` is then called later.
  bool hand_over(int socket);
  void stop() { retry_timer_.cancel(); }

 private:
  Peers* const peers_;
  HandOver hand_over_;
  EventLoop::Timer retry_timer_;
  bool draining_ = false;
};

}  // namespace appd::net
