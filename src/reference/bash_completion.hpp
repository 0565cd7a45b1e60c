// The parts of the completion for bash that come from the option table.
#pragma once

#include <string>

namespace appd::reference::bash {

/// Branches of a `case`: what follows an option that takes a value.
std::string values();
/// The same for `--flag=`.
std::string flag_values();

/// The names of all options, or of those that a command for a running appd takes.
std::string options();
std::string asking_options();

}  // namespace appd::reference::bash
