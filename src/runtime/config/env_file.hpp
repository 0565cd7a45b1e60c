// Files of environment variables, for --env-file.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/settings.hpp"
#include "runtime/support/account.hpp"

namespace appd::config {

using Variables = std::vector<std::pair<std::string, std::string>>;

/// The variables of an --env-file in order, in the format of systemd's EnvironmentFile=:
///
///     # a comment, or ; a comment: lines of their own
///     NAME=plain text without the blanks at both ends; \ takes the next character literally and
///          joins lines at a line's end
///     NAME="double quotes: \" \\ \$ \` give the second character, and \ at a line's end joins"
///     NAME='single quotes: everything is literal'
///
/// Quotes count only at the beginning of a value; quoted values may span lines. Nothing is
/// expanded. Unlike systemd, this accepts `export ` before a name, as in files for shells. What
/// systemd skips with a warning (no `=`, no name) or joins (text after the closing quote) is an
/// error here. `name` is the file's name. Throws ConfigError with the name and the line.
Variables parse_env_file(std::string_view text, const std::string& name);

/// The settings, with the variables of all --env-file inserted before those of --env. A later
/// variable wins: --env over files, later files over earlier ones. For `account` see
/// support::open_for. Throws ConfigError.
Settings with_env_files(Settings settings, const support::Account* account = nullptr);

}  // namespace appd::config
