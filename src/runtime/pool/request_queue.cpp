// Keeps waiting requests in the order of their age.

#include "runtime/pool/request_queue.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace appd::pool {

std::size_t RequestQueue::capacity(std::size_t busy) const noexcept {
  return limits_.length + threads_ - std::min(busy, threads_);
}

bool RequestQueue::push(const Request& request, std::size_t busy) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= capacity(busy)) {
    std::erase_if(waiting_, [](const auto& each) { return each->free(); });
    publish_locked();
    if (waiting_.size() >= capacity(busy)) return false;
  }
  waiting_.push_back(request);
  publish_locked();
  return true;
}

/// Before others of the same age: it was taken out before they could be.
void RequestQueue::put_back_locked(Request request) {
  const auto place = std::lower_bound(
      waiting_.begin(), waiting_.end(), request->queued_since(),
      [](const auto& other, Clock::time_point since) { return other->queued_since() < since; });
  waiting_.insert(place, std::move(request));
  publish_locked();
}

RequestQueue::Request RequestQueue::take() {
  if (!any()) return nullptr;
  const std::lock_guard lock(mutex_);
  return take_locked();
}

RequestQueue::Request RequestQueue::take_locked() {
  if (waiting_.empty()) return nullptr;
  Request oldest = std::move(waiting_.front());
  waiting_.pop_front();
  publish_locked();
  return oldest;
}

RequestQueue::Request RequestQueue::take_older_than(Clock::duration time, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty() || now - waiting_.front()->queued_since() < time) return nullptr;
  return take_locked();
}

RequestQueue::Request RequestQueue::take_overdue(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty() || !is_overdue(*waiting_.front(), now)) return nullptr;
  return take_locked();
}

std::optional<RequestQueue::Clock::time_point> RequestQueue::next_overdue() {
  const std::lock_guard lock(mutex_);
  if (limits_.time.count() <= 0 || waiting_.empty()) return std::nullopt;
  return waiting_.front()->queued_since() + limits_.time;
}

void RequestQueue::publish_locked() noexcept {
  const auto since = [](const Request& request) -> std::int64_t {
    return std::chrono::nanoseconds(request->queued_since().time_since_epoch()).count();
  };
  any_.store(!waiting_.empty());
  load_.waiting.store(static_cast<int>(waiting_.size()), std::memory_order_relaxed);
  load_.waiting_since.store(waiting_.empty() ? 0 : since(waiting_.front()),
                            std::memory_order_relaxed);
}

}  // namespace appd::pool
