// Texts with places that are filled in.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace appd::reference {

/// Each `@name@` in the template is replaced by the part of that name. A part of several lines
/// stands on a line of its own. Throws std::runtime_error if there is no such part.
std::string fill_in(std::string_view text, const std::map<std::string, std::string>& parts);

}  // namespace appd::reference
