#include "runtime/supervisor/respawn_brake.hpp"

#include <algorithm>

namespace appd::supervisor {

std::chrono::seconds RespawnBrake::on_death(std::chrono::nanoseconds served) noexcept {
  const std::chrono::seconds pause = served >= kLongEnough ? std::chrono::seconds(0) : next_;
  next_ = std::clamp(pause * 2, kFirstPause, kLongestPause);
  return pause;
}

}  // namespace appd::supervisor
