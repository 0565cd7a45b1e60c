// Letters, digits and blanks of ASCII, whatever the locale is.
#pragma once

#include <algorithm>
#include <string_view>

namespace appd::support {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

constexpr bool is_capital(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}

constexpr bool is_letter(char c) noexcept {
  return is_capital(c) || (c >= 'a' && c <= 'z');
}

/// One digit or more, and nothing else.
constexpr bool is_digits(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

/// What a name of an environment variable begins with: a letter or an underscore.
constexpr bool may_begin_name(char c) noexcept {
  return is_letter(c) || c == '_';
}

/// What it goes on with: digits, too.
constexpr bool may_be_in_name(char c) noexcept {
  return may_begin_name(c) || is_digit(c);
}

/// A name of an environment variable as the shell takes it.
constexpr bool is_name(std::string_view text) noexcept {
  return !text.empty() && may_begin_name(text.front()) &&
         std::all_of(text.begin(), text.end(), may_be_in_name);
}

constexpr bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

constexpr char to_lower(char c) noexcept {
  return is_capital(c) ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// `lower` must be in lower case.
constexpr bool same_ignoring_case(std::string_view text, std::string_view lower) noexcept {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return to_lower(a) == b; });
}

/// What separates words within a line; also the end of a line that ends in "\r\n".
inline constexpr std::string_view kBlanks = " \t\r";

/// Without blanks at both ends.
constexpr std::string_view trim(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace appd::support
