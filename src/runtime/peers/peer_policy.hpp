// Which peer gets a connection, and when this worker offers its time.
#pragma once

#include <optional>
#include <span>
#include <utility>

#include "runtime/ipc/scoreboard.hpp"

namespace appd::peers {

/// Decides by what the scoreboard shows, and touches nothing.
class PeerPolicy {
 public:
  /// `index`: of this worker in `loads`. Each has `threads` threads.
  PeerPolicy(std::span<const ipc::WorkerLoad> loads, unsigned index, unsigned threads) noexcept
      : loads_(loads), index_(index), threads_(threads) {}

  /// The peer that gets the next connection: the first one after this worker that has an idle
  /// thread, so that not all workers choose the same. std::nullopt if none has. Loop's thread.
  std::optional<unsigned> receiver() const noexcept;

  /// The worker that is offered time: the one in which most requests wait. std::nullopt if none
  /// waits there, or it takes no offers. Any thread.
  std::optional<unsigned> neediest() const noexcept;

  /// This worker has received a connection. Loop's thread.
  void note_received() noexcept { received_ = true; }
  /// To be asked when no more connections are on their way. Returns true once after a connection
  /// was received, if a thread is idle: then the connection has been served already. More may wait
  /// at its sender, which looks for idle peers only every millisecond. Loop's thread.
  bool is_time_to_offer() noexcept {
    return std::exchange(received_, false) && loads_[index_].has_idle_thread(threads_);
  }

 private:
  const std::span<const ipc::WorkerLoad> loads_;
  const unsigned index_;
  const unsigned threads_;
  bool received_ = false;  // a connection, since time was offered last
};

}  // namespace appd::peers
