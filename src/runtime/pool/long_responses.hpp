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
/// streams, or responses that are made or taken slowly. No deadline ends those while they go on, so
/// requests wait for as long as it pleases them. Pure but for the slots that it reads.
class LongResponses {
 public:
  /// A response that takes no longer is no reason to wait.
  static constexpr std::chrono::nanoseconds kLong = std::chrono::seconds(1);
  /// Until it is said again, when other calls do it.
  static constexpr std::chrono::nanoseconds kPause = std::chrono::seconds(60);

  /// `slots`: one for each pool thread; they must outlive it.
  explicit LongResponses(std::span<const ipc::ThreadSlot> slots) : slots_(slots) {}

  /// To be asked while a request waits for a thread. The line that says why, once for the same
  /// calls; none: there is nothing (more) to say. `now`: support::monotonic_ns().
  std::optional<std::string> look(std::int64_t now);

 private:
  bool is_told(std::int64_t now, const std::vector<std::uint32_t>& calls) const noexcept;

  const std::span<const ipc::ThreadSlot> slots_;
  std::vector<std::uint32_t> told_;  // the slots' sequences then
  std::int64_t told_at_ = 0;         // nothing while told_ is empty
};

}  // namespace appd::pool
