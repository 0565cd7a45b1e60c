// Warns of settings that are probably a mistake, or that need a restart.
#pragma once

#include <set>
#include <string>

#include "runtime/config/settings.hpp"
#include "runtime/gateway/reporter.hpp"

namespace appd {

/// The warnings of a running appd about its configuration.
class ConfigWarnings {
 public:
  /// Borrows both. `start` are the settings that the process has been started with.
  ConfigWarnings(const config::Settings& start, gateway::Reporter& log)
      : start_(start), log_(log) {}

  /// Warns of what works but is probably a mistake. A reload does not repeat a warning.
  void warn_of(const config::Settings& settings);
  /// Warns of what a running master cannot change.
  void warn_of_fixed(const config::Settings& next);

 private:
  const config::Settings& start_;
  gateway::Reporter& log_;
  std::set<std::string> warned_;
};

}  // namespace appd
