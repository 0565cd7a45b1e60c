// The text of --help.
#pragma once

#include <string>

namespace appd::config {

/// The output of --help: all options of the table, by group.
std::string help_text();

}  // namespace appd::config
