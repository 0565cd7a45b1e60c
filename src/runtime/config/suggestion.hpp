// Proposes the name that a mistyped one probably means.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace appd::config {

/// The number of letters to insert, delete, replace, or swap with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The one of `names` that `typed` most probably means; "" if none is near.
std::string_view nearest(std::string_view typed, std::span<const std::string_view> names);

}  // namespace appd::config
