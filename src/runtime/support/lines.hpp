// Takes a text apart into its lines.
#pragma once

#include <algorithm>
#include <string_view>

namespace appd::support {

/// The text up to the end of its first line, which is not included.
inline std::string_view first_line(std::string_view text) noexcept {
  return text.substr(0, text.find('\n'));
}

/// Removes the first line, with its end, from `text` and returns it without its end.
inline std::string_view take_line(std::string_view& text) noexcept {
  const std::string_view line = first_line(text);
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace appd::support
