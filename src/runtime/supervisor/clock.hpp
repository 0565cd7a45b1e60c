// The clock of all the master's deadlines.
#pragma once

#include <chrono>
#include <optional>

namespace appd::supervisor {

/// The master's clock: the time in which this process ran (support::RunningTime). All its deadlines
/// are measured with it, so that none passes while the master could not look. It is a type of its
/// own, so that nobody mixes it with the system's time. Single-threaded, as the master is.
struct Clock {
  using duration = std::chrono::steady_clock::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept;
  /// The process is about to wait for `wait`, or until an event if `wait` is std::nullopt. Without
  /// this call a wait would be taken for a time in which the process did not run.
  static void expect_wait(std::optional<duration> wait) noexcept;
  /// The time here of a moment that another process has noted by the steady clock.
  static time_point at(std::chrono::steady_clock::time_point when) noexcept;
};

}  // namespace appd::supervisor
