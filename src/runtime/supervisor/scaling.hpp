// Decides how many workers a generation has.
#pragma once

#include <chrono>
#include <optional>

#include "runtime/supervisor/slot_lifecycle.hpp"

namespace appd::supervisor {

/// Between which numbers of workers a generation lives, and when it goes from one to another.
struct ScalingLimits {
  unsigned least = 1;
  unsigned most = 1;
  std::chrono::nanoseconds idle = std::chrono::seconds(60);  ///< before one fewer is enough
};

/// How the workers are used at a moment.
struct Occupancy {
  unsigned workers = 0;  ///< that are wanted
  unsigned ready = 0;    ///< of those
  unsigned threads = 1;  ///< of each
  unsigned busy = 0;     ///< requests that run or wait
};

/// Decides whether there should be one worker more or fewer. Pure: events and time in, decisions
/// out.
class Scaling {
 public:
  explicit Scaling(ScalingLimits limits) : limits_(limits) {}

  /// Requests wait for want of threads. True: one more is to be started; not while another starts,
  /// for that may be enough.
  bool on_overloaded(Clock::time_point now, const Occupancy& seen) noexcept;

  /// A look once in a while. True: one can go, since for `idle` all could have been done by one
  /// fewer.
  bool on_look(Clock::time_point now, const Occupancy& seen) noexcept;

 private:
  ScalingLimits limits_;
  std::optional<Clock::time_point> roomy_since_;
};

}  // namespace appd::supervisor
