#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/settings.hpp"
#include "runtime/support/account.hpp"

namespace appd::config {

using Variables = std::vector<std::pair<std::string, std::string>>;

/// The variables of an --env-file in order, as systemd's EnvironmentFile= has them:
///
///     # a comment, or ; a comment: lines of their own
///     NAME=plain text, without the blanks at both ends; \ takes the next character as it is, and
///          joins lines at a line's end
///     NAME="double quotes: \" \\ \$ \` are the second character, and a \ at a line's end joins"
///     NAME='single quotes: everything as it is'
///
/// Quotes count at the value's begin alone, and what they hold may have several lines. Nothing is
/// expanded. More than systemd takes: `export ` before the name, as in files made for shells. Less:
/// what it would skip with a warning (no `=`, no name) or glue together (text after the closing
/// quote) is an error. `name` is the file's; throws ConfigError that names it and the line.
Variables parse_env_file(std::string_view text, const std::string& name);

/// The settings with the variables of all --env-file before those of --env, which thus win, as
/// later files do over earlier ones. `account`: see support::open_for. Throws ConfigError.
Settings with_env_files(Settings settings, const support::Account* account = nullptr);

}  // namespace appd::config
