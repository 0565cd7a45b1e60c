#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

namespace appd::support {

/// The time in which a process ran. CLOCK_MONOTONIC goes on while a process is stopped (SIGSTOP, a
/// container that is frozen, a virtual machine that stands still), so that all deadlines have
/// passed when it wakes. Such a gap shows as a reading that comes later than it could have, and
/// does not count here. When in a wait it began is not known: as much of the wait as it is late,
/// three times over, is taken for a part of it. Pure; for one thread at a time.
class RunningTime {
 public:
  using Clock = std::chrono::steady_clock;
  /// A process that runs reads the time again within this, after the wait that it has announced.
  static constexpr std::chrono::milliseconds kUsual{200};

  explicit RunningTime(Clock::time_point now) noexcept : last_(now) {}

  /// The running time at `now`, which is not before the last reading. Both begin at the same point,
  /// and running time falls behind with each gap.
  Clock::time_point read(Clock::time_point now) noexcept;
  /// The next reading comes after a wait of up to `wait`; none: of any length.
  void expect_wait(std::optional<Clock::duration> wait) noexcept;
  /// The running time at an earlier moment, which another thread or process has noted. Exact for
  /// the last `kGaps` gaps.
  Clock::time_point at(Clock::time_point when) const noexcept;

 private:
  static constexpr std::size_t kGaps = 64;
  struct Gap {
    Clock::time_point begin{};
    Clock::time_point end{};
  };

  Clock::time_point last_;
  std::optional<Clock::duration> wait_{0};  ///< until the next reading; none: for ever
  Clock::duration lost_{0};
  std::array<Gap, kGaps> gaps_{};  ///< a ring
  std::size_t count_ = 0;          ///< of gaps so far
};

}  // namespace appd::support
