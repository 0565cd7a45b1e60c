// Checks of settings that need the system: a start, a reload and --check run them first.
#pragma once

#include <string>
#include <vector>

#include "runtime/config/settings.hpp"

namespace appd {

/// Checks all that can be wrong with settings before anything is done: at a start, a reload, an
/// upgrade and for --check. Throws config::ConfigError that names the option.
void check(const config::Settings& settings);

/// Warnings of what works but is probably a mistake.
std::vector<std::string> find_warnings(const config::Settings& settings);

}  // namespace appd
