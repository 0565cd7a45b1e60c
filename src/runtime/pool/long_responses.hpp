// Notices when long responses occupy all threads of a worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/ipc/scoreboard.hpp"

namespace appd::pool {

/// Knows when all threads of a worker are in calls that have begun their responses long ago:
/// streams, or responses that are made or taken slowly. No deadline ends them while they go on, so
/// other requests wait for as long as they last. Apart from the slots it reads nothing.
class LongResponses {
 public:
  /// A response that takes less is not long.
  static constexpr std::chrono::nanoseconds kLong = std::chrono::seconds(1);
  /// Until the next line, when other calls occupy the threads.
  static constexpr std::chrono::nanoseconds kPause = std::chrono::seconds(60);

  /// `slots`: one for each pool thread; they must outlive it.
  explicit LongResponses(std::span<const ipc::ThreadSlot> slots) : slots_(slots) {}

  /// To be called while a request waits for a thread. Returns the line that says why it waits, once
  /// for the same calls; std::nullopt if there is nothing to say, or it was said. `now` is from
  /// support::monotonic_ns().
  std::optional<std::string> look(std::int64_t now);

 private:
  bool is_told(std::int64_t now, const std::vector<std::uint32_t>& calls) const noexcept;

  const std::span<const ipc::ThreadSlot> slots_;
  std::vector<std::uint32_t> told_;  // the slots' sequences at the last line
  std::int64_t told_at_ = 0;         // meaningless while told_ is empty
};

}  // namespace appd::pool
