#pragma once

#include <string>

#include "runtime/config/command_line.hpp"

namespace appd::config {

/// What --print-config prints: the effective values as an ini file, each below a comment that says
/// where it came from. Given back as --config, it makes the same settings.
std::string print_config(const Command& command);

}  // namespace appd::config
