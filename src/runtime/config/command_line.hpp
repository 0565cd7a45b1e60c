#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/config/config_error.hpp"
#include "runtime/config/settings.hpp"

namespace appd::config {

/// What some defaults depend on.
struct Environment {
  unsigned cpus = 1;                             ///< that this process may run on
  std::string temporary_directory = "/var/tmp";  ///< for what does not fit in memory
  std::string runtime_directory{};  ///< that a service manager made for this process; "": none
  std::string web_servers{};  ///< addresses with commas between them, from which to accept; "": all
};

/// This process's: the CPUs of its affinity mask; TMPDIR, or /var/tmp; the first RUNTIME_DIRECTORY;
/// FCGI_WEB_SERVER_ADDRS.
Environment read_environment();

/// Where a value came from.
struct Origin {
  enum class Kind : std::uint8_t { command_line, file, environment };
  Kind kind = Kind::command_line;
  std::string file;  ///< or the variable's name
  unsigned line = 0;
};

/// "command line", "/etc/appd.ini:12" or "environment".
std::string describe(const Origin& origin);

enum class Action : std::uint8_t { run, check, print_config, help, version, ask };

/// What the user wants.
struct Command {
  Action action = Action::run;
  std::string verb{};   ///< `ask`: what a running appd is asked, the command line's first word
  Settings settings{};  ///< not for `help` and `version`
  /// By option name; one for each value of a repeatable option. Options that are not here have
  /// their default.
  std::map<std::string, std::vector<Origin>, std::less<>> origins{};
  std::vector<std::string> warnings{};  ///< `ask`: what is wrong in the file, and does not matter
};

/// Reads the command line (argv[0] is skipped) and the file that --config names. Throws
/// ConfigError. Required options are asked for by `run` and `check` alone. A first word without
/// dashes is a verb, and the options say whom it is for: of the file, only `control` and `pidfile`
/// must be right then, for a broken one must not keep anybody from stopping what runs.
Command parse_command_line(int argc, const char* const* argv, const Environment& environment);

/// What a command line without options gives.
Settings default_settings(const Environment& environment);

}  // namespace appd::config
