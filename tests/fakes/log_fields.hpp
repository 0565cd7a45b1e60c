// Finds in a log line's text what a test means by it: a worker, a path, a number, an option.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace appd::test {

/// What a text has to name, in any order.
using Fields = std::initializer_list<std::string_view>;

/// True if the text has the field as whole words: "worker 1" is not in "worker 10 is ready".
inline bool has_field(std::string_view text, std::string_view field) {
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  };
  const auto joined = [&](char one, char other) { return is_word(one) && is_word(other); };
  for (std::size_t at = 0; (at = text.find(field, at)) != std::string_view::npos; ++at) {
    const std::size_t end = at + field.size();
    if (at > 0 && joined(text[at - 1], text[at])) continue;
    if (end < text.size() && joined(text[end - 1], text[end])) continue;
    return true;
  }
  return false;
}

inline bool has_fields(std::string_view text, Fields fields) {
  return std::all_of(fields.begin(), fields.end(),
                     [text](std::string_view field) { return has_field(text, field); });
}

/// All numbers of a text in their order: 2, 4711 and 0.3 of "worker 2 (pid 4711) after 0.3 s".
/// With a unit, only those that it follows: 0.3 for "s".
inline std::vector<double> numbers_in(const std::string& text, const std::string& unit = "") {
  std::vector<double> numbers;
  for (std::size_t at = 0; (at = text.find_first_of("0123456789", at)) != std::string::npos;) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str() + at, &end);
    const auto size = static_cast<std::size_t>(end - text.c_str()) - at;
    const std::string_view rest = std::string_view(text).substr(at + size, unit.size() + 2);
    if (unit.empty() || (rest.starts_with(" " + unit) && has_field(rest, unit))) {
      numbers.push_back(number);
    }
    at += size;
  }
  return numbers;
}

}  // namespace appd::test
