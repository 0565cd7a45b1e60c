// Decides when too many processes have died, for --max-crashes.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "runtime/supervisor/slot_lifecycle.hpp"

namespace appd::supervisor {

/// So many deaths within so much time are accepted. One more stops the service.
struct CrashRate {
  unsigned crashes = 0;
  std::chrono::nanoseconds within{};
};

/// Counts deaths in all slots, and tells when there are too many (--max-crashes). Pure.
class CrashLimit {
 public:
  /// Without a rate there are never too many.
  explicit CrashLimit(std::optional<CrashRate> rate) : rate_(rate) {}

  /// A process has died unasked. Returns true if that was one too many.
  bool on_crash(Clock::time_point now);

 private:
  std::optional<CrashRate> rate_;
  std::deque<Clock::time_point> recent_;  ///< at most one more than are accepted
};

}  // namespace appd::supervisor
