// Decides how many workers a generation has.
#pragma once

#include <chrono>
#include <optional>

#include "runtime/supervisor/clock.hpp"

namespace appd::supervisor {

/// How few and how many workers a generation may have, and when one is too many.
struct ScalingLimits {
  unsigned least = 1;
  unsigned most = 1;
  std::chrono::nanoseconds idle{0};  ///< how long one fewer must have been enough
};

/// How busy the workers are at a moment.
struct Occupancy {
  unsigned workers = 0;  ///< wanted ones
  unsigned ready = 0;    ///< wanted ones that are ready
  unsigned threads = 1;  ///< of each
  unsigned busy = 0;     ///< requests that run or wait
};

/// Decides whether there should be one worker more or fewer. Pure.
class Scaling {
 public:
  explicit Scaling(ScalingLimits limits) : limits_(limits) {}

  /// Requests wait because no thread is free. Returns true if one more worker is to be started: not
  /// while another starts, for that may be enough.
  bool on_overloaded(Clock::time_point now, const Occupancy& seen) noexcept;

  /// A look from time to time. Returns true if one can go, since one fewer could have done all for
  /// as long as `idle`.
  bool on_look(Clock::time_point now, const Occupancy& seen) noexcept;

 private:
  ScalingLimits limits_;
  std::optional<Clock::time_point> roomy_since_;
};

}  // namespace appd::supervisor
