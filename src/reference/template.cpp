// Replaces the names between at signs.

#include "reference/template.hpp"

#include <algorithm>
#include <stdexcept>

#include "runtime/support/ascii.hpp"

namespace appd::reference {
namespace {

bool is_of_name(char c) {
  return support::is_letter(c) || c == '_';
}

/// "name" if `text` begins with "@name@"; else "".
std::string_view name_at(std::string_view text) {
  const auto end = std::find_if_not(text.begin() + 1, text.end(), is_of_name);
  return end != text.end() && *end == '@' ? std::string_view(text.begin() + 1, end) : "";
}

}  // namespace

std::string fill_in(std::string_view text, const std::map<std::string, std::string>& parts) {
  std::string out;
  while (true) {
    const std::size_t at = text.find('@');
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at);
    const std::string name(name_at(text));
    const auto part = parts.find(name);
    if (!name.empty() && part == parts.end()) throw std::runtime_error("no part is named " + name);
    out += name.empty() ? "@" : part->second;
    text.remove_prefix(name.empty() ? 1 : name.size() + 2);
    // The last line of a part ends as the template's does.
    if (out.ends_with("\n") && text.starts_with('\n')) text.remove_prefix(1);
  }
}

}  // namespace appd::reference
