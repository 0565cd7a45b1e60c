// Tells the waits of a running process from gaps in which it stood still.

#include "runtime/support/running_time.hpp"

#include <algorithm>

namespace appd::support {

RunningTime::Clock::time_point RunningTime::read(Clock::time_point now) noexcept {
  if (wait_ && now - last_ > *wait_ + kUsual) {
    const Clock::duration late = now - last_ - *wait_;
    const Clock::duration gap = std::min(4 * late, now - last_ - kUsual);
    lost_ += gap;
    gaps_[count_++ % kGaps] = {now - gap, now};
  }
  last_ = now;
  wait_ = Clock::duration::zero();
  return now - lost_;
}

void RunningTime::expect_wait(std::optional<Clock::duration> wait) noexcept {
  wait_ = wait;
}

RunningTime::Clock::time_point RunningTime::at(Clock::time_point when) const noexcept {
  Clock::duration lost = lost_;
  for (std::size_t back = 1; back <= std::min(count_, kGaps); ++back) {
    const Gap& gap = gaps_[(count_ - back) % kGaps];
    if (when >= gap.end) break;
    lost -= gap.end - gap.begin;
    when = std::min(when, gap.begin);
  }
  return when - lost;
}

}  // namespace appd::support
