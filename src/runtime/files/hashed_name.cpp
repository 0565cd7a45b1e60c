// Looks for a hash in a file's name.

#include "runtime/files/hashed_name.hpp"

#include <algorithm>

#include "runtime/support/ascii.hpp"

namespace appd::files {
namespace {

constexpr bool is_hash_letter(char c) noexcept {
  return c >= 'a' && c <= 'f';
}

constexpr bool is_hash_digit(char c) noexcept {
  return support::is_digit(c) || is_hash_letter(c);
}

bool is_hash(std::string_view text) noexcept {
  return text.size() >= 8 && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), is_hash_digit) &&
         std::any_of(text.begin(), text.end(), is_hash_letter) &&
         std::any_of(text.begin(), text.end(), support::is_digit);
}

/// Whether a UUID goes on after this text: "name-550e8400-e29b-41d4-a716".
bool ends_in_uuid(std::string_view text) noexcept {
  const std::string_view last = text.substr(text.rfind('-') + 1);
  return last.size() == 4 && std::all_of(last.begin(), last.end(), is_hash_digit);
}

/// "name-8e0d2f1c"
bool ends_in_hash(std::string_view part) noexcept {
  const std::size_t dash = part.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return false;
  return is_hash(part.substr(dash + 1)) && !ends_in_uuid(part.substr(0, dash));
}

}  // namespace

bool has_content_hash(std::string_view path) noexcept {
  std::string_view name = path.substr(path.rfind('/') + 1);
  bool first = true;
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    const std::string_view part = name.substr(0, dot);
    if ((!first && is_hash(part)) || ends_in_hash(part)) return true;
    name.remove_prefix(dot + 1);
    first = false;
  }
  return false;
}

}  // namespace appd::files
