// The command line and the file that it names, as a command.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/config/config_error.hpp"
#include "runtime/config/environment.hpp"
#include "runtime/config/origin.hpp"
#include "runtime/config/settings.hpp"

namespace appd::config {

enum class Action : std::uint8_t { run, check, print_config, help, version, ask };

/// The command of the user.
struct Command {
  Action action = Action::run;
  /// Of `ask`: the command for a running appd, which is the first word of the command line.
  std::string verb{};
  Settings settings{};  ///< unset for `help` and `version`
  /// By option name; a repeatable option has one per value. Options that are missing here have
  /// their default.
  std::map<std::string, std::vector<Origin>, std::less<>> origins{};
  std::vector<std::string> warnings{};  ///< of `ask`: errors in the file that do not matter for it
};

/// Reads the command line (without argv[0]) and the file that --config names. Throws ConfigError.
/// Only `run` and `check` insist on required options. A first word without dashes is a verb for a
/// running appd, and the options say which one, unless it is `dev`. Of the file, only `control` and
/// `pidfile` must then be right: a broken file must not keep anyone from stopping what runs.
Command parse_command_line(int argc, const char* const* argv, const Environment& environment);

/// The settings of a command line without options. For tests.
Settings default_settings(const Environment& environment);

}  // namespace appd::config
