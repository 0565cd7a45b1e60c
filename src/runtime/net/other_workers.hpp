// The ways on which a connection leaves for another worker.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "runtime/net/event_loop.hpp"
#include "runtime/net/peers.hpp"

namespace appd::net {

/// Where connections can go: to a peer while this worker serves, and to the handover queue, for
/// whoever serves then, while it drains. Loop's thread only.
class OtherWorkers {
 public:
  /// Takes an idle connection, of which it makes a descriptor of its own. False: not now.
  using HandOver = std::function<bool(int socket)>;

  /// `peers`: null if there are none. `try_again` is called some time after a `hand_over` that
  /// could not be done.
  OtherWorkers(EventLoop& loop, Peers* peers, EventLoop::Task try_again)
      : peers_(peers), retry_timer_(loop, std::move(try_again)) {}

  /// True when another worker has time for what waits here.
  bool any_idle() const noexcept { return peers_ != nullptr && !draining_ && peers_->any_idle(); }
  /// Gives a copy of the descriptor to a peer, which reads `bytes` first. False: no.
  bool give(int socket, std::string_view bytes) noexcept {
    return peers_ != nullptr && !draining_ && peers_->give(socket, bytes);
  }
  /// Tells the peers whether there is room here for connections of theirs.
  void set_full(bool full) noexcept {
    if (peers_ != nullptr) peers_->set_full(full);
  }

  /// From now on nothing goes to peers, and idle connections to `hand_over`, unless that is null.
  void drain(HandOver hand_over) {
    draining_ = true;
    hand_over_ = std::move(hand_over);
  }
  /// Idle connections are to be handed over.
  bool takes_over() const noexcept { return hand_over_ != nullptr; }
  /// False: not now, it will be tried again.
  bool hand_over(int socket);
  void stop() { retry_timer_.cancel(); }

 private:
  Peers* const peers_;
  HandOver hand_over_;
  EventLoop::Timer retry_timer_;
  bool draining_ = false;
};

}  // namespace appd::net
