// Reads a text that is a port.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/support/whole_number.hpp"

namespace appd::support {

/// The port that `text` is, from 0 to 65535. std::nullopt if there is anything else, such as a sign
/// or a leading zero.
inline std::optional<std::uint16_t> port_number(std::string_view text) noexcept {
  const auto number = whole_number(text);
  if (!number || *number > 0xFFFF || (text.front() == '0' && text.size() > 1)) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

}  // namespace appd::support
