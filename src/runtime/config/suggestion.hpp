#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace appd::config {

/// How many letters must be put in, left out, replaced or swapped with their peer.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The one of `names` that `typed` most probably means, or "".
std::string_view nearest(std::string_view typed, std::span<const std::string_view> names);

}  // namespace appd::config
