// What a worker and other workers give each other: connections, and time.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/peers.hpp"
#include "runtime/peers/channel_receiver.hpp"
#include "runtime/peers/handover.hpp"
#include "runtime/peers/inboxes.hpp"
#include "runtime/peers/peer_policy.hpp"

namespace appd::peers {

/// The other workers of the same application: gives them connections, and receives those of its
/// peers. Loop's thread only, except where noted.
///
///     closed ──open──► open ──close──► closing ──► closed to peers ──end──► ended
///
/// A peer counts itself in (`WorkerLoad::incoming`), then looks whether this worker is open, and
/// puts the connection into its inbox. So a worker that closes may still have a connection on its
/// way. It is closing until that has come, or until it gives up, since the peer may have died. The
/// loop goes on meanwhile, and the worker serves.
class PeerWorkers final : public net::Peers, private ChannelReceiver::Owner {
 public:
  /// `index` is the place of this worker in `loads` and `boxes`, which have an entry for each
  /// worker; `boxes` is empty if there is only one. Each worker has `threads` threads. `queue` is
  /// for workers of any generation.
  PeerWorkers(net::EventLoop& loop, unsigned index, std::span<ipc::WorkerLoad> loads,
              std::span<const ConnectionChannel> boxes, const HandoverQueue& queue,
              unsigned threads);

  /// Gives connections that come to `taker` from now on, and calls `share` when another worker has
  /// time for what waits here.
  void open(net::ConnectionTaker& taker, std::function<void()> share);
  /// Takes what is in the inbox, and lets peers know that nothing more is to be sent. Calls
  /// `on_closed` when nothing is on its way any more, as a rule before it returns. What comes later
  /// still goes to the taker until `end`. May be called again.
  void close(std::function<void()> on_closed);
  /// Nothing is given to the taker after this. When this worker has ended, the master moves what is
  /// in the inbox to another one.
  void end() noexcept;

  bool any_idle() const noexcept override { return policy_.receiver().has_value(); }
  bool give(int socket, net::Caller caller, std::string_view bytes) noexcept override;
  bool queue_for_handover(int socket, net::Caller caller,
                          std::string_view bytes) noexcept override {
    return queue_.send(socket, caller, bytes);
  }
  void set_full(bool full) noexcept override { loads_[index_].full.store(full ? 1 : 0); }
  /// Asks the worker in which most requests wait to give some here. Any thread.
  void offer_time() noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  void on_message(ChannelReader::Message message) override;
  void on_empty() override;
  bool make_room() override;
  bool is_receiving() const noexcept { return receiver_ && receiver_->is_open(); }
  bool is_one_on_its_way() const noexcept;
  void look_at_closing();

  const unsigned index_;
  const std::span<ipc::WorkerLoad> loads_;
  const std::span<const ConnectionChannel> boxes_;
  const HandoverQueue& queue_;
  PeerPolicy policy_;
  net::ConnectionTaker* taker_ = nullptr;
  std::function<void()> share_;
  std::optional<ChannelReceiver> receiver_;  // std::nullopt in a worker without peers
  std::optional<Clock::time_point> latest_;  // for what is on its way to a worker that closes
  std::vector<std::function<void()>> on_closed_;
  net::EventLoop::Timer closing_timer_;
};

}  // namespace appd::peers
