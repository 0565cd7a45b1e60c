// Reads the field Forwarded, element by element.

#include "runtime/gateway/forwarded_element.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

#include "runtime/gateway/variable_name.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::gateway {
namespace {

// Enough to know an escaped quote from the right: the one that begins a string follows "=".
bool follows_backslash(std::string_view text, std::size_t at) noexcept {
  return at > 0 && text[at - 1] == '\\';
}

std::size_t last_comma(std::string_view list) noexcept {
  bool quoted = false;
  for (std::size_t i = list.size(); i-- > 0;) {
    if (list[i] == ',' && !quoted) return i;
    if (list[i] == '"' && !(quoted && follows_backslash(list, i))) quoted = !quoted;
  }
  return std::string_view::npos;
}

std::string_view unescaped(std::string_view text, StringPool& made) {
  if (text.find('\\') == std::string_view::npos) return text;
  std::string& plain = made.next();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') ++i;
    plain += text[i];
  }
  return plain;
}

// What is between the quotes, with its escapes.
std::optional<std::string_view> take_quoted(std::string_view& text) noexcept {
  std::size_t end = 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size()) return std::nullopt;
  const auto inside = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return inside;
}

std::optional<std::string_view> take_value(std::string_view& text) noexcept {
  if (text.starts_with('"')) return take_quoted(text);
  const auto token = text.substr(0, text.find_first_of("; \t"));
  text.remove_prefix(token.size());
  return is_token(token) ? std::optional(token) : std::nullopt;
}

std::string_view take_name(std::string_view& text) noexcept {
  const auto name = text.substr(0, text.find('='));
  text.remove_prefix(std::min(name.size() + 1, text.size()));
  return name;
}

std::optional<std::string_view>* member_for(std::string_view name,
                                            ForwardedElement& element) noexcept {
  if (support::same_ignoring_case(name, "for")) return &element.client;
  if (support::same_ignoring_case(name, "proto")) return &element.proto;
  if (support::same_ignoring_case(name, "host")) return &element.host;
  return nullptr;
}

// False if it is malformed, or names again what is known.
bool take_parameter(std::string_view& text, ForwardedElement& element, StringPool& made) {
  const auto name = take_name(text);
  const auto value = take_value(text);
  if (!is_token(name) || !value) return false;
  auto* const member = member_for(name, element);
  if (member == nullptr) return true;
  if (*member) return false;
  *member = unescaped(*value, made);
  return true;
}

}  // namespace

std::string_view take_last_element(std::string_view& list) noexcept {
  const std::size_t comma = last_comma(list);
  const bool is_first = comma == std::string_view::npos;
  const auto element = is_first ? list : list.substr(comma + 1);
  list = list.substr(0, is_first ? 0 : comma);
  return support::trim(element);
}

std::optional<ForwardedElement> parse_forwarded_element(std::string_view text, StringPool& made) {
  ForwardedElement element;
  for (text = support::trim(text); !text.empty(); text = support::trim(text)) {
    if (text.front() != ';' && !take_parameter(text, element, made)) return std::nullopt;
    text = support::trim(text);
    if (text.empty()) break;
    if (text.front() != ';') return std::nullopt;
    text.remove_prefix(1);
  }
  return element;
}

}  // namespace appd::gateway
