// The ways in which a connection leaves for another worker.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "runtime/net/context.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/peers.hpp"

namespace appd::net {

/// Where connections can go: to a peer while this worker serves; while it drains, to the handover
/// queue, for the worker that serves next. Loop's thread only.
class OtherWorkers {
 public:
  /// What becomes of idle connections while the server drains.
  enum class Idle : std::uint8_t {
    left,  ///< to other workers, through the handover queue
    closed,
  };

  /// `peers` is null if there are none; then nothing goes anywhere. `try_again` is called some time
  /// after a `queue_for_handover` that returned false.
  OtherWorkers(Context& context, Peers* peers, EventLoop::Task try_again)
      : context_(context), peers_(peers), retry_timer_(context.loop, std::move(try_again)) {}

  /// True if another worker has time for a request that waits here.
  bool any_idle() const noexcept { return may_give() && peers_->any_idle(); }
  /// Gives a copy of the descriptor to a peer, which reads `bytes` first. Returns false if no peer
  /// takes it, or the server drains.
  bool give(int socket, Caller caller, std::string_view bytes) noexcept {
    return may_give() && peers_->give(socket, caller, bytes);
  }
  /// Tells the peers whether this worker is full, that is, has no room for connections of theirs.
  void set_full(bool full) noexcept {
    if (peers_ != nullptr) peers_->set_full(full);
  }

  /// The server drains.
  void drain(Idle idle) noexcept { hands_over_ = peers_ != nullptr && idle == Idle::left; }
  /// True if idle connections are to be handed over.
  bool hands_over() const noexcept { return hands_over_; }
  /// Returns false if it cannot be done now; `try_again` is then called later.
  bool queue_for_handover(int socket, Caller caller, std::string_view bytes);
  void stop() { retry_timer_.cancel(); }

 private:
  bool may_give() const noexcept { return peers_ != nullptr && !context_.draining.load(); }

  const Context& context_;
  Peers* const peers_;
  EventLoop::Timer retry_timer_;
  bool hands_over_ = false;
};

}  // namespace appd::net
