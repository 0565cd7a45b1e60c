// How long calls have lately been.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace appd::pool {

/// The moving average of the length of calls. Any thread. Of two that note a call at the same time
/// one may be lost.
class CallAverage {
 public:
  /// Calls that last longer on average are not run by the leader while it has the loop.
  static constexpr std::chrono::nanoseconds kSlow = std::chrono::microseconds(300);
  /// A call counts as no longer: one that is very long must not make many short ones look slow.
  static constexpr std::chrono::nanoseconds kLongestSample = std::chrono::milliseconds(5);

  void note(std::chrono::nanoseconds call) noexcept {
    const std::int64_t average = average_.load(std::memory_order_relaxed);
    const std::int64_t sample = std::min(call, kLongestSample).count();
    average_.store(average + (sample - average) / kWeight, std::memory_order_relaxed);
  }
  bool is_slow() const noexcept { return average_.load(std::memory_order_relaxed) > kSlow.count(); }

 private:
  static constexpr int kWeight = 16;

  std::atomic<std::int64_t> average_{0};  // nanoseconds
};

}  // namespace appd::pool
