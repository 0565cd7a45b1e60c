// Counts deaths within a sliding time.

#include "runtime/supervisor/crash_limit.hpp"

namespace appd::supervisor {

bool CrashLimit::on_crash(Clock::time_point now) {
  if (!most_) return false;
  while (!recent_.empty() && now - recent_.front() >= most_->within) recent_.pop_front();
  recent_.push_back(now);
  return recent_.size() > most_->crashes;
}

}  // namespace appd::supervisor
