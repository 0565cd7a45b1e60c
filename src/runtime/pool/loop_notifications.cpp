// Collects connections that need the loop, and decides when a held block is flushed.

#include "runtime/pool/loop_notifications.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <utility>

namespace appd::pool {
namespace {

/// How long a block of a stream is held at most while the application makes the next one, as long
/// as the loop is not away.
constexpr std::chrono::milliseconds kHoldTime{1};

}  // namespace

LoopNotifications::LoopNotifications(net::EventLoop& loop)
    : hold_timer_(loop, [this] { looks_soon_.store(false); }) {}

void LoopNotifications::add_from_other_thread(std::shared_ptr<net::Connection> connection) {
  const std::lock_guard lock(mutex_);
  added_.push_back(std::move(connection));
  any_added_.store(true);
}

bool LoopNotifications::schedule_flush(std::shared_ptr<net::Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    to_flush_.push_back(std::move(connection));
    any_to_flush_.store(true);
  }
  // Against the timer's end: either this thread sees it, or the loop sees the connection after it.
  return !looks_soon_.load();
}

void LoopNotifications::deliver() {
  if (!looks_soon_.load() && any_to_flush_.load()) send_held();
  if (any_added_.load()) {
    const std::lock_guard lock(mutex_);
    any_added_.store(false);
    std::move(added_.begin(), added_.end(), std::back_inserter(now_));
    added_.clear();
  }
  // A connection that is notified may add others.
  for (std::size_t i = 0; i < now_.size(); ++i) std::exchange(now_[i], {})->on_notified();
  now_.clear();
}

/// Sends at once when the first stream asks for it, then what all of them hold once in a while.
void LoopNotifications::send_held() {
  std::vector<std::shared_ptr<net::Connection>> holding;
  {
    const std::lock_guard lock(mutex_);
    any_to_flush_.store(false);
    holding.swap(to_flush_);
  }
  for (const auto& connection : holding) connection->send_held();
  looks_soon_.store(true);
  hold_timer_.expire_after(kHoldTime);
}

}  // namespace appd::pool
