// Doubles the pause after each early death; slot_lifecycle.cpp waits for it.

#include "runtime/supervisor/respawn_backoff.hpp"

#include <algorithm>

namespace appd::supervisor {

std::chrono::nanoseconds RespawnBackoff::on_death(const Life& life) noexcept {
  using std::chrono::nanoseconds;
  if (life.start && life.had_requests) {
    next_ = kFirstPause;
    const nanoseconds turn = std::clamp<nanoseconds>(*life.start, kShortestTurn, kLongestTurn);
    return std::max(turn - life.served, nanoseconds(0));
  }
  const bool long_enough = life.start && life.served >= kLongEnough;
  const std::chrono::seconds pause = long_enough ? std::chrono::seconds(0) : next_;
  next_ = std::clamp(pause * 2, kFirstPause, kLongestPause);
  return pause;
}

}  // namespace appd::supervisor
