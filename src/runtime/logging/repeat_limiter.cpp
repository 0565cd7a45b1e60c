#include "runtime/logging/repeat_limiter.hpp"

#include <utility>

namespace appd::logging {

using gateway::Cause;

bool RepeatLimiter::admit(Cause cause, Clock::time_point now) noexcept {
  Second& second = seconds_[static_cast<std::size_t>(cause)];
  if (!second.begin || now - *second.begin >= kSecond) {
    second.begin = now;
    return true;
  }
  ++second.held_back;
  ++held_back_;
  return false;
}

void RepeatLimiter::take_owed(Clock::time_point now,
                              const std::function<void(Cause, std::uint64_t)>& owed) {
  if (!owes()) return;
  for (std::size_t i = 0; i < seconds_.size(); ++i) {
    Second& second = seconds_[i];
    if (second.held_back == 0 || now - *second.begin < kSecond) continue;
    const std::uint64_t held_back = std::exchange(second.held_back, 0);
    held_back_ -= held_back;
    owed(static_cast<Cause>(i), held_back);
  }
}

std::string_view name(Cause cause) noexcept {
  switch (cause) {
    case Cause::unreadable:
      return "connections closed for what they sent";
    case Cause::bad_request:
      return "requests answered with 400, 411 or 501";
    case Cause::too_large:
      return "requests answered with 413 or 431";
    case Cause::too_slow:
      return "requests answered with 408, or bodies that did not come";
    case Cause::overload:
      return "requests answered with 503 for want of room";
    case Cause::too_late:
      return "requests answered with 503 after a wait for a thread";
    case Cause::storage:
      return "bodies that could not be stored";
    case Cause::cut_body:
      return "bodies cut by the front";
    case Cause::stalled:
      return "connections closed for a time-out";
    case Cause::not_admitted:
      return "connections closed by --allow or its like";
    case Cause::no_descriptor:
      return "connections that could not be accepted";
    case Cause::no_memory:
      return "what the kernel refused for want of memory";
    case Cause::silent_error:
      return "errors that the application has not explained";
  }
  return "of the same kind";
}

}  // namespace appd::logging
