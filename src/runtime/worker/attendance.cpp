#include "runtime/worker/attendance.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <utility>

namespace appd::worker {
namespace {

/// The longest that a block of a stream is held while the application makes the next one, and the
/// loop is not away.
constexpr std::chrono::milliseconds kHoldTime{1};

}  // namespace

Attendance::Attendance(net::EventLoop& loop)
    : hold_timer_(loop, [this] { looks_soon_.store(false); }) {}

void Attendance::leave(std::shared_ptr<net::Connection> connection) {
  const std::lock_guard lock(mutex_);
  left_.push_back(std::move(connection));
  any_left_.store(true);
}

bool Attendance::look_after(std::shared_ptr<net::Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    to_look_after_.push_back(std::move(connection));
    any_to_look_after_.store(true);
  }
  // Against the timer's end: either that is seen here, or the connection is seen after it.
  return !looks_soon_.load();
}

void Attendance::attend() {
  if (!looks_soon_.load() && any_to_look_after_.load()) send_held();
  if (any_left_.load()) {
    const std::lock_guard lock(mutex_);
    any_left_.store(false);
    std::move(left_.begin(), left_.end(), std::back_inserter(now_));
    left_.clear();
  }
  // Attending to one may add others.
  for (std::size_t i = 0; i < now_.size(); ++i) std::exchange(now_[i], {})->attend();
  now_.clear();
}

/// Looks after streams at once when the first of them asks for it, then after all once in a while.
void Attendance::send_held() {
  {
    const std::lock_guard lock(mutex_);
    any_to_look_after_.store(false);
    std::move(to_look_after_.begin(), to_look_after_.end(), std::back_inserter(holding_));
    to_look_after_.clear();
  }
  std::erase_if(holding_, [](const auto& connection) { return !connection->send_held(); });
  if (!holding_.empty()) any_to_look_after_.store(true);
  looks_soon_.store(true);
  hold_timer_.expire_after(kHoldTime);
}

}  // namespace appd::worker
