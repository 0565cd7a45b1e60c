// How fast an application makes the blocks of a stream.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/net/outbox.hpp"

namespace appd::net {

/// Decides which blocks of a streamed response may wait for the next one. Blocks are held only
/// while the application makes them quickly on average: one that takes its time must not have every
/// other block wait for the loop. Used by the thread that responds.
class StreamPace {
 public:
  using Clock = std::chrono::steady_clock;

  /// A block is made quickly within this time.
  static constexpr std::chrono::microseconds kQuickly{200};
  /// The clock is looked at once in so many blocks.
  static constexpr unsigned kLookInterval = 16;

  /// A call begins.
  void start(Clock::time_point now) noexcept {
    *this = StreamPace();
    last_look_ = now;
  }

  /// Of the next block, which is there. `clock`: gives the time.
  template <typename Now>
  Outbox::Urgency urgency_of_block(Now clock) noexcept {
    if (blocks_++ % kLookInterval == 0) {
      const Clock::time_point now = clock();
      const unsigned made = std::min(blocks_, kLookInterval);
      quick_ = now - std::exchange(last_look_, now) < made * kQuickly;
    }
    return quick_ ? Outbox::Urgency::may_wait : Outbox::Urgency::now;
  }

  /// How the outbox has taken the last write.
  void note(Outbox::Status status) noexcept {
    holding_ = status == Outbox::Status::held || status == Outbox::Status::first_held;
  }
  /// The last block is held, unless the loop has sent it since.
  bool holding() const noexcept { return holding_; }

 private:
  Clock::time_point last_look_{};
  unsigned blocks_ = 0;
  bool quick_ = false;
  bool holding_ = false;
};

}  // namespace appd::net
