// The text of --print-config.
#pragma once

#include <string>

#include "runtime/config/command_line.hpp"

namespace appd::config {

/// The output of --print-config: the effective values as an ini file. A comment above each says
/// where it came from. As a --config file it gives the same settings.
std::string print_config(const Command& command);

}  // namespace appd::config
