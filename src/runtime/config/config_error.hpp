// The exception for a mistake in the configuration.
#pragma once

#include <stdexcept>
#include <string>

#include "runtime/support/exit_code.hpp"

namespace appd::config {

/// A mistake in the configuration. `what` is one line that begins with the place ("command line" or
/// "/etc/appd.ini:12") and the option's name.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;

  static constexpr int exit_code() noexcept { return support::exit_code::kConfiguration; }
};

}  // namespace appd::config
