// Writes the option table in man(7).

#include "reference/man_page.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>

#include "runtime/config/option_table.hpp"

namespace appd::reference {
namespace {

using config::Option;

std::string on_command_line(const Option& option) {
  std::string name = fmt::format("\\fB\\-\\-{}\\fR", escape(option.name));
  if (!option.takes_value()) return name;
  return fmt::format("{} \\fI{}\\fR", name, escape(option.argument));
}

/// A flag has its words in place of an argument.
std::string in_file(const Option& option) {
  std::string value = fmt::format("\\fI{}\\fR", escape(option.argument));
  if (!option.takes_value())
    value = fmt::format("\\fB{}\\fR", fmt::join(option.words, "\\fR | \\fB"));
  return fmt::format("\\fB{}\\fR = {}", escape(option.name), value);
}

std::string help_in_file(const Option& option) {
  std::string help = full_help(option);
  if (!option.takes_value()) help += fmt::format(" Default: {}.", option.fallback);
  return help;
}

}  // namespace

std::string option_sections(Form form) {
  const bool file = form == Form::file;
  std::string out;
  std::optional<config::Group> group;
  for (const Option& option : config::option_table()) {
    if (file && option.is_action()) continue;
    if (option.group != group) out += fmt::format(".SS {}\n", title(option.group));
    group = option.group;
    out += fmt::format(".TP\n{}\n", file ? in_file(option) : on_command_line(option));
    out += paragraph(file ? help_in_file(option) : full_help(option), form);
  }
  return out;
}

}  // namespace appd::reference
