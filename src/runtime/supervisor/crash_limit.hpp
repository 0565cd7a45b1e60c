// Decides when too many processes have died, for --max-crashes.
#pragma once

#include <deque>
#include <optional>

#include "runtime/config/settings.hpp"
#include "runtime/supervisor/clock.hpp"

namespace appd::supervisor {

/// Counts deaths in all slots, and tells when there are too many (--max-crashes). Pure.
class CrashLimit {
 public:
  /// std::nullopt means no limit.
  explicit CrashLimit(std::optional<config::MaxCrashes> most) : most_(most) {}

  /// A process has died unasked. Returns true if that was one too many.
  bool on_crash(Clock::time_point now);

 private:
  std::optional<config::MaxCrashes> most_;
  std::deque<Clock::time_point> recent_;  ///< at most one more than are accepted
};

}  // namespace appd::supervisor
