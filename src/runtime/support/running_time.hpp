// A clock that stands still while the process is stopped.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

namespace appd::support {

/// The time during which a process ran. CLOCK_MONOTONIC goes on while a process is stopped
/// (SIGSTOP, a frozen container, a suspended virtual machine), so all deadlines have passed when it
/// wakes. This clock leaves such gaps out: it recognises one by a reading that comes later than it
/// should. It cannot know when the gap began, only that this was within the wait. So it counts the
/// delay as a gap, and up to three times as much of the wait. Pure; one thread at a time.
class RunningTime {
 public:
  using Clock = std::chrono::steady_clock;
  /// After the wait it announced, a running process reads the time again within this.
  static constexpr std::chrono::milliseconds kUsual{200};

  explicit RunningTime(Clock::time_point now) noexcept : last_(now) {}

  /// The running time at `now`, which must not be before the last reading. Both clocks begin at the
  /// same point; running time falls behind with each gap.
  Clock::time_point read(Clock::time_point now) noexcept;
  /// Announces that the next reading follows a wait of at most `wait`; std::nullopt if the wait has
  /// no limit.
  void expect_wait(std::optional<Clock::duration> wait) noexcept;
  /// The running time at an earlier moment that another thread or process has noted. Exact for the
  /// last `kGaps` gaps.
  Clock::time_point at(Clock::time_point when) const noexcept;

 private:
  static constexpr std::size_t kGaps = 64;
  struct Gap {
    Clock::time_point begin{};
    Clock::time_point end{};
  };

  Clock::time_point last_;
  /// Until the next reading; std::nullopt if without limit.
  std::optional<Clock::duration> wait_{0};
  Clock::duration lost_{0};
  std::array<Gap, kGaps> gaps_{};  ///< a ring buffer
  std::size_t count_ = 0;          ///< number of gaps so far
};

}  // namespace appd::support
