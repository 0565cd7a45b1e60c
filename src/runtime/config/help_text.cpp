// Formats the option table for a terminal of 80 columns.

#include "runtime/config/help_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include "runtime/config/option_table.hpp"
#include "runtime/config/verbs.hpp"

namespace appd::config {
namespace {

constexpr std::size_t kIndent = 30;
constexpr std::size_t kWidth = 80;

// Appends `text`, wrapped. The current line is at column kIndent.
void wrap(std::string_view text, std::string& out) {
  std::size_t column = kIndent;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (column > kIndent && column + 1 + word.size() > kWidth) {
      out.append("\n").append(kIndent, ' ');
      column = kIndent;
    }
    if (column > kIndent) out += ' ', ++column;
    out.append(word);
    column += word.size();
  }
  out += '\n';
}

void describe_option(const Option& option, std::string& out) {
  const std::string left = fmt::format("  --{} {}", option.name, option.argument);
  out.append(left);
  if (left.size() < kIndent) {
    out.append(kIndent - left.size(), ' ');
  } else {
    out.append("\n").append(kIndent, ' ');
  }
  wrap(full_help(option), out);
}

/// "reload | upgrade | stop | status"
std::string verb_list() {
  std::string list;
  for (const Verb& verb : verbs()) {
    if (!list.empty()) list += " | ";
    list += verb.name;
  }
  return list;
}

}  // namespace

std::string help_text() {
  std::string out = fmt::format(
      "Usage: appd --socket ADDRESS --module APP [options]\n"
      "       appd dev APP [options]\n"
      "       appd {}  --control PATH\n"
      "\n"
      "Runs a WSGI application behind a web server that speaks FastCGI, uwsgi or SCGI.\n",
      verb_list());
  std::optional<Group> group;
  for (const Option& option : option_table()) {
    if (option.group != group) {
      fmt::format_to(std::back_inserter(out), "\n{}:\n", title(option.group));
      group = option.group;
    }
    describe_option(option, out);
  }
  out +=
      "\n"
      "Sizes are in bytes, or with K, M or G; times in seconds, or with ms, s, m or h.\n"
      "An option without a value can be switched off: --spool-bodies=no.\n";
  return out;
}

}  // namespace appd::config
