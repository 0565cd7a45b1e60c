// A request's progress, for the watchers of its deadlines.
#pragma once

#include <atomic>
#include <cstdint>

namespace appd::gateway {

/// The progress of a request, for those that watch its time. Written by the thread that runs the
/// call, and by threads that the application has started. Read by any thread.
class Progress {
 public:
  /// Part of the response has gone out. Costs no more than a store. When two threads call it at
  /// once, one count may be lost; that is harmless, since the count has changed.
  void advance() noexcept {
    count_.store((count_.load(std::memory_order_relaxed) + 2) | 1, std::memory_order_relaxed);
  }
  /// The front keeps the call waiting.
  void begin_wait() noexcept { waiting_.fetch_add(1, std::memory_order_relaxed); }
  void end_wait() noexcept {
    count_.store(count_.load(std::memory_order_relaxed) + 2, std::memory_order_relaxed);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  /// A new request begins.
  void reset() noexcept { count_.store(0, std::memory_order_release); }

  std::uint32_t count() const noexcept { return count_.load(std::memory_order_acquire); }
  /// Whether the response had begun at that count.
  static bool shows_response(std::uint32_t count) noexcept { return (count & 1) != 0; }
  bool waits_for_front() const noexcept { return waiting_.load(std::memory_order_acquire) > 0; }

 private:
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::int32_t> waiting_{0};
};

}  // namespace appd::gateway
