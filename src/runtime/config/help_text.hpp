#pragma once

#include <string>

namespace appd::config {

/// What --help prints: all options of the table, group by group.
std::string help_text();

}  // namespace appd::config
