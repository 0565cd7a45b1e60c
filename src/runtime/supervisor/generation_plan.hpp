// What a generation is told when it is made: counts and limits.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/config/settings.hpp"
#include "runtime/supervisor/recycling.hpp"

namespace appd::supervisor {

/// How the workers of a generation come into being.
enum class Origin : std::uint8_t {
  inherited,  ///< another program in this process has started them; none can be started again
  master,     ///< the master forks them
  zygote,     ///< the master forks a zygote, and that forks them
};

/// What the configuration says of a generation. The default times are in the option table alone.
struct GenerationPlan {
  unsigned workers = 1;       ///< at the start, and at least
  unsigned most_workers = 1;  ///< when requests wait
  unsigned threads = 1;       ///< in each worker
  unsigned queue = 0;         ///< requests that may wait for a thread in each worker
  std::chrono::nanoseconds scale_down_idle{0};
  std::chrono::nanoseconds graceful_timeout{0};
  /// How long a retired worker may take to end; std::nullopt sets no limit.
  std::optional<std::chrono::nanoseconds> retired_limit{};
  /// A worker that has not exited this long after its last request is killed. 0 disables the limit.
  std::chrono::nanoseconds exit_timeout{0};
  /// A process that is not ready after this time is killed. 0 disables the limit.
  std::chrono::nanoseconds start_timeout{0};
  config::ReloadStrategy strategy = config::ReloadStrategy::overlap;  ///< how it takes over
  RecyclingLimits recycling{};
  /// A worker that gives no sign of life for this long is killed. 0 disables the check.
  std::chrono::nanoseconds heartbeat{0};
  Origin origin = Origin::inherited;
  /// Counted over all generations while this one serves.
  std::optional<config::MaxCrashes> max_crashes{};

  std::optional<std::chrono::nanoseconds> start_limit() const noexcept {
    return start_timeout.count() > 0 ? std::optional(start_timeout) : std::nullopt;
  }
  std::optional<std::chrono::nanoseconds> exit_limit() const noexcept {
    return exit_timeout.count() > 0 ? std::optional(exit_timeout) : std::nullopt;
  }
  /// Whether the number of workers follows the load.
  bool scales() const noexcept { return workers < most_workers; }
  bool can_start_workers() const noexcept { return origin != Origin::inherited; }
};

}  // namespace appd::supervisor
