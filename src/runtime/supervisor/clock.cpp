// Reads running time for the master.

#include "runtime/supervisor/clock.hpp"

#include "runtime/support/running_time.hpp"

namespace appd::supervisor {
namespace {

using Steady = std::chrono::steady_clock;

support::RunningTime& running_time() noexcept {
  static support::RunningTime time(Steady::now());
  return time;
}

Clock::time_point from(Steady::time_point running) noexcept {
  return Clock::time_point(running.time_since_epoch());
}

}  // namespace

Clock::time_point Clock::now() noexcept {
  return from(running_time().read(Steady::now()));
}

void Clock::expect_wait(std::optional<duration> wait) noexcept {
  running_time().expect_wait(wait);
}

Clock::time_point Clock::at(Steady::time_point when) noexcept {
  return from(running_time().at(when));
}

}  // namespace appd::supervisor
