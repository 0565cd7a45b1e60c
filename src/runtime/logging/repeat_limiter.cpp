// Counts repeated log lines per cause.

#include "runtime/logging/repeat_limiter.hpp"

#include <utility>

namespace appd::logging {

using gateway::LogEvent;

bool RepeatLimiter::admit(LogEvent event, Clock::time_point now) noexcept {
  Second& second = seconds_[static_cast<std::size_t>(event)];
  if (!second.begin || now - *second.begin >= kSecond) {
    second.begin = now;
    return true;
  }
  ++second.held_back;
  ++held_back_;
  return false;
}

void RepeatLimiter::take_owed(Clock::time_point now,
                              const std::function<void(LogEvent, std::uint64_t)>& owed) {
  if (!owes()) return;
  for (std::size_t i = 0; i < seconds_.size(); ++i) {
    Second& second = seconds_[i];
    if (second.held_back == 0 || now - *second.begin < kSecond) continue;
    const std::uint64_t held_back = std::exchange(second.held_back, 0);
    held_back_ -= held_back;
    owed(static_cast<LogEvent>(i), held_back);
  }
}

}  // namespace appd::logging
