// Weighs waiting and idle times against the range of --workers.

#include "runtime/supervisor/scaling.hpp"

namespace appd::supervisor {

bool Scaling::on_overloaded(Clock::time_point now, const Occupancy& seen) noexcept {
  roomy_since_ = now;
  return seen.workers < limits_.most && seen.ready == seen.workers;
}

bool Scaling::on_look(Clock::time_point now, const Occupancy& seen) noexcept {
  const bool roomy = seen.workers > limits_.least && seen.busy <= (seen.workers - 1) * seen.threads;
  if (!roomy) {
    roomy_since_.reset();
    return false;
  }
  if (!roomy_since_) roomy_since_ = now;
  if (now - *roomy_since_ < limits_.idle) return false;
  roomy_since_ = now;
  return true;
}

}  // namespace appd::supervisor
