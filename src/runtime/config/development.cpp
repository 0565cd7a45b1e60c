// The preset of `appd dev`, and the options that only it has.

#include "runtime/config/development.hpp"

#include <algorithm>
#include <string>

#include "runtime/config/config_error.hpp"
#include "runtime/config/option_table.hpp"

namespace appd::config {
namespace {

bool names(const std::vector<Given>& given, std::string_view option) {
  return std::any_of(given.begin(), given.end(),
                     [option](const Given& one) { return one.name == option; });
}

}  // namespace

std::vector<Given> development_preset(const Environment& environment,
                                      const std::vector<Given>& given) {
  const Origin origin{Origin::Kind::preset, "", 0};
  std::vector<Given> preset{
      {"http", "127.0.0.1:8000", origin},
      {"workers", "1", origin},
      // A debugger has one terminal, and takes its time.
      {"threads", "1", origin},
      {"queue-timeout", "0", origin},
      {"slow-request", "0", origin},
      {"request-timeout", "0", origin},
      {"start-timeout", "0", origin},
      {"graceful-timeout", "1s", origin},
      {"exit-timeout", "2s", origin},
      {"no-new-privs", "no", origin},  // sandboxes of browsers are setuid programs
      {"log-level", "warning", origin},
      {"access-log", "-", origin},
      {"access-log-format", environment.colors ? "{brief_color}" : "{brief}", origin},
  };
  const bool has_python = names(given, "python") || names(given, "virtualenv");
  if (!environment.virtualenv.empty() && !has_python) {
    preset.push_back({"virtualenv", environment.virtualenv, origin});
  }
  return preset;
}

void name_application(std::vector<Given>& given, std::string_view argument) {
  if (names(given, "module")) {
    throw ConfigError("command line: appd dev serves one application, and \"" +
                      std::string(argument) + "\" is a second one");
  }
  given.push_back({"module", std::string(argument), {}});
}

void refuse_development_options(const std::vector<Given>& given) {
  for (const Given& one : given) {
    if (option_of(one).group != Group::development) continue;
    throw error_at(one.origin, one.name, "is for appd dev only");
  }
}

}  // namespace appd::config
