// Checks of settings that need the system: a start, a reload and --check run them first.
#pragma once

#include <string>
#include <vector>

#include "runtime/config/settings.hpp"

namespace appd {

/// What can be wrong with settings, found before anything is done: at a start, a reload, an upgrade
/// and by --check. Throws config::ConfigError that names the option.
void check(const config::Settings& settings);

/// What works, but is hardly meant.
std::vector<std::string> find_warnings(const config::Settings& settings);

/// What only those who are the workers' user can see, for --check: throws config::ConfigError.
void check_as_user(const config::Settings& settings);

}  // namespace appd
