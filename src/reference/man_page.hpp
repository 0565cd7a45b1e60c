// The options in man pages.
#pragma once

#include <string>

#include "reference/roff.hpp"

namespace appd::reference {

/// All options of that form, with their help: a subsection for each group.
std::string option_sections(Form form);

}  // namespace appd::reference
