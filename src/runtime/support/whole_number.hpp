// Reads a text that is a whole number.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace appd::support {

/// The number that `text` consists of. std::nullopt if there is anything but digits, such as a sign
/// or a blank, or if the number needs more than 64 bits.
inline std::optional<std::uint64_t> whole_number(std::string_view text, int base = 10) noexcept {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

}  // namespace appd::support
