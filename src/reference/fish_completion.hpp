// The parts of the completion for fish that come from the option table.
#pragma once

#include <string>

namespace appd::reference::fish {

/// One `complete` for each command for a running appd.
std::string verbs();

/// One `complete` for each option.
std::string options();

}  // namespace appd::reference::fish
