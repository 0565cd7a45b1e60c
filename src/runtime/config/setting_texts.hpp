// Settings as texts, for another process of appd.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/settings.hpp"

namespace appd::config {

/// The name and a value of each option that is set, but for the variables of the application: a
/// process gets those as its environment. A repeatable option occurs several times.
std::vector<std::pair<std::string_view, std::string>> show_settings(const Settings& settings);

/// Takes one of the values that `show_settings` gave. Throws BadValue, and std::runtime_error for a
/// name that is no option.
void take_setting(Settings& settings, std::string_view name, std::string_view value);

}  // namespace appd::config
