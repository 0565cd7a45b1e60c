// Decides when too many processes have died, for --max-crashes.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "runtime/supervisor/slot_lifecycle.hpp"

namespace appd::supervisor {

/// So many deaths within so much time are borne; with one more the service is to stop.
struct CrashRate {
  unsigned crashes = 0;
  std::chrono::nanoseconds within{};
};

/// Tells when processes die too often (--max-crashes), wherever they have their place. Pure.
class CrashLimit {
 public:
  /// None: never.
  explicit CrashLimit(std::optional<CrashRate> rate) : rate_(rate) {}

  /// A process has died unasked. True: that was one too many.
  bool on_crash(Clock::time_point now);

 private:
  std::optional<CrashRate> rate_;
  std::deque<Clock::time_point> recent_;  ///< at most one more than are borne
};

}  // namespace appd::supervisor
