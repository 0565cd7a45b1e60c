// What the master of a test is to do.
#pragma once

#include <chrono>
#include <optional>

#include "fake_deployment.hpp"
#include "runtime/config/settings.hpp"

namespace appd::supervisor {

/// What the generations of a test's master are to be.
struct MasterOptions {
  unsigned workers = 1;
  std::chrono::nanoseconds graceful_timeout = kUsualGrace;
  config::ReloadStrategy strategy = config::ReloadStrategy::overlap;
  bool broken_reloads = false;  ///< no deployment but the first can be made
  /// From the second generation on the worker of this index cannot import.
  std::optional<unsigned> broken_worker{};
  std::optional<config::MaxCrashes> max_crashes{};
  /// Those of another program in this process; then none is the first.
  struct Inherited {
    unsigned starting = 0;
    unsigned ready = 0;
    unsigned retired = 0;
  };
  std::optional<Inherited> inherited{};
  unsigned failing_plans = 0;  ///< so many reloads get no deployment
};

}  // namespace appd::supervisor
