// The parts of the completion for zsh that come from the option table.
#pragma once

#include <string>

namespace appd::reference::zsh {

/// The commands for a running appd, as _describe takes them.
std::string verbs();

/// All options as _arguments takes them, or those that a command for a running appd takes.
std::string options();
std::string asking_options();

}  // namespace appd::reference::zsh
