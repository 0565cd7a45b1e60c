// How fast an application makes the blocks of a stream.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/net/outbox.hpp"

namespace appd::net {

/// Decides which blocks of a streamed response may wait for the next one. Blocks are held only
/// while the application makes them quickly on average; otherwise every other block of a slow
/// application would wait for the loop. Used by the thread that responds.
class StreamPace {
 public:
  using Clock = std::chrono::steady_clock;

  /// A block that is made within this time is made quickly.
  static constexpr std::chrono::microseconds kQuickly{200};
  /// The number of blocks for each reading of the clock.
  static constexpr unsigned kLookInterval = 16;

  /// A call begins.
  void start(Clock::time_point now) noexcept {
    *this = StreamPace();
    last_look_ = now;
  }

  /// The urgency of a block that is ready to go out. `clock` returns the time.
  template <typename Now>
  Outbox::Urgency urgency_of_block(Now clock) noexcept {
    if (blocks_++ % kLookInterval == 0) {
      const Clock::time_point now = clock();
      const unsigned made = std::min(blocks_, kLookInterval);
      quick_ = now - std::exchange(last_look_, now) < made * kQuickly;
    }
    return quick_ ? Outbox::Urgency::may_wait : Outbox::Urgency::now;
  }

  /// Takes the outbox's status of the last write.
  void note(Outbox::Status status) noexcept {
    holding_ = status == Outbox::Status::held || status == Outbox::Status::first_held;
  }
  /// True if the last block is held, unless the loop has sent it since.
  bool holding() const noexcept { return holding_; }

 private:
  Clock::time_point last_look_{};
  unsigned blocks_ = 0;
  bool quick_ = false;
  bool holding_ = false;
};

}  // namespace appd::net
