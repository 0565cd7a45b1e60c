// What `appd dev` sets before the user's own options.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/config/environment.hpp"
#include "runtime/config/settings_builder.hpp"

namespace appd::config {

/// The first word of the command line that starts a server for one developer.
inline constexpr const char* kDevelopment = "dev";

/// The options of a server for one developer. `given` are those of the user, which win: some of
/// them exclude others.
std::vector<Given> development_preset(const Environment& environment,
                                      const std::vector<Given>& given);

/// Turns the argument that is no option into --module. Throws ConfigError if there are several.
void name_application(std::vector<Given>& given, std::string_view argument);

/// Throws ConfigError at an option that only `appd dev` has.
void refuse_development_options(const std::vector<Given>& given);

}  // namespace appd::config
