// Escapes text for man(7), wraps it, and sets options in bold.

#include "reference/roff.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/config/option_table.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::reference {
namespace {

constexpr std::size_t kWidth = 78;

bool is_of_name(char c) {
  return support::is_letter(c) || c == '-';
}

/// What is written for `--name`, and for the "=" that may follow.
std::string bold(std::string_view name, std::string_view rest, Form form) {
  const config::Option* const option = config::find_option(name);
  const bool in_file = form == Form::file && option != nullptr && !option->is_action();
  const bool assigns = in_file && rest.starts_with('=');
  return fmt::format("\\fB{}{}\\fR{}", in_file ? "" : "\\-\\-", escape(name),
                     assigns ? " = " + escape(rest.substr(1)) : escape(rest));
}

std::string mark(std::string_view word, Form form) {
  const std::size_t dashes = word.find("--");
  if (dashes == std::string_view::npos) return escape(word);
  const std::string_view name = word.substr(dashes + 2);
  const auto end = std::find_if_not(name.begin(), name.end(), is_of_name);
  if (end == name.begin()) return escape(word);
  return escape(word.substr(0, dashes)) + bold({name.begin(), end}, {end, name.end()}, form);
}

/// A line that begins with one of these characters would be a request.
std::string protect(const std::string& word) {
  return word.starts_with('.') || word.starts_with('\'') ? "\\&" + word : word;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else {
      escaped += c == '-' ? "\\-" : std::string(1, c);
    }
  }
  return escaped;
}

std::string paragraph(std::string_view text, Form form) {
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const std::string marked = protect(mark(word, form));
    if (column > 0 && column + 1 + marked.size() > kWidth) out += '\n', column = 0;
    if (column > 0) out += ' ', ++column;
    out += marked;
    column += marked.size();
    if (word.ends_with('.')) out += '\n', column = 0;
  }
  if (column > 0) out += '\n';
  return out;
}

}  // namespace appd::reference
