// Writes options and their values in the language of zsh.

#include "reference/zsh_completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reference/completion.hpp"
#include "runtime/config/verbs.hpp"

namespace appd::reference::zsh {
namespace {

using config::Option;

std::string in_quotes(std::string_view text) {
  return quote(text, "'\\''");
}

/// In brackets, and before a colon, these characters have a meaning.
std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string action(const Option& option) {
  switch (offer_of(option)) {
    case Offer::nothing:
      return " ";
    case Offer::words:
      return fmt::format("({})", fmt::join(option.words, " "));
    case Offer::files:
      return "_files";
    case Offer::python_files:
      return "_files -g \"*.(py|wsgi)\"";
    case Offer::folders:
      return "_directories";
    case Offer::users:
      return "_users";
    case Offer::groups:
      return "_groups";
  }
  return "";
}

/// The value of a flag is optional, and never a word of its own.
std::string describe(const Option& option) {
  const std::string_view repeats = option.repeatable ? "*" : "";
  const std::string help = escape(summary(option.help));
  if (option.takes_value()) {
    return fmt::format("{}--{}=[{}]:{}:{}", repeats, option.name, help, escape(option.argument),
                       action(option));
  }
  if (option.is_action()) return fmt::format("--{}[{}]", option.name, help);
  return fmt::format("--{}=-[{}]::value:{}", option.name, help, action(option));
}

std::string list(bool asking) {
  std::string out;
  for (const Option& option : config::option_table()) {
    if (asking && !option.finds_master) continue;
    out += fmt::format("  {}\n", in_quotes(describe(option)));
  }
  return out;
}

}  // namespace

std::string verbs() {
  std::string out;
  for (const config::Verb& verb : config::verbs()) {
    out += fmt::format("  {}\n", in_quotes(fmt::format("{}:{}", verb.name, summary(verb.help))));
  }
  return out;
}

std::string options() {
  return list(false);
}

std::string asking_options() {
  return list(true);
}

}  // namespace appd::reference::zsh
