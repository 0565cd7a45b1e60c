// Writes options and their values in the language of bash.

#include "reference/bash_completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "reference/completion.hpp"

namespace appd::reference::bash {
namespace {

using config::Option;

/// Files and folders are left to readline, which knows about quotes.
std::string commands(const Option& option) {
  switch (offer_of(option)) {
    case Offer::nothing:
      return "";
    case Offer::words:
      return fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")",
                         fmt::join(option.words, " "));
    case Offer::files:
      return "compopt -o default";
    case Offer::python_files:
      return "_appd_python_files \"$word\"";
    case Offer::folders:
      return "compopt -o dirnames";
    case Offer::users:
      return "mapfile -t COMPREPLY < <(compgen -u -- \"$word\")";
    case Offer::groups:
      return "mapfile -t COMPREPLY < <(compgen -g -- \"$word\")";
  }
  return "";
}

/// Options with the same commands share a branch.
std::string branches(bool of_flags) {
  std::map<std::string, std::string> names;
  for (const Option& option : config::option_table()) {
    if (option.takes_value() == of_flags) continue;
    std::string& pattern = names[commands(option)];
    if (!pattern.empty()) pattern += " | ";
    pattern += fmt::format("--{}", option.name);
  }
  std::string out;
  for (const auto& [commands, pattern] : names) {
    out += fmt::format("    {})\n", pattern);
    if (!commands.empty()) out += fmt::format("      {}\n", commands);
    out += "      return\n      ;;\n";
  }
  return out;
}

std::string list(bool asking) {
  std::string out;
  for (const Option& option : config::option_table()) {
    if (!asking || option.finds_master) out += fmt::format("    --{}\n", option.name);
  }
  return out;
}

}  // namespace

std::string values() {
  return branches(false);
}

std::string flag_values() {
  return branches(true);
}

std::string options() {
  return list(false);
}

std::string asking_options() {
  return list(true);
}

}  // namespace appd::reference::bash
