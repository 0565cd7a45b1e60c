// Writes the effective settings as an ini file.

#include "runtime/config/print_config.hpp"

#include <fmt/format.h>

#include <iterator>

#include "runtime/config/expansion.hpp"
#include "runtime/config/option_table.hpp"

namespace appd::config {
namespace {

void print_option(const Option& option, const Command& command, std::string& out) {
  const std::vector<std::string> values = option.show(command.settings);
  if (values.empty()) {
    fmt::format_to(std::back_inserter(out), "# default: not set\n#{} =\n", option.name);
    return;
  }
  const auto origins = command.origins.find(option.name);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string origin =
        origins == command.origins.end() ? "default" : describe(origins->second.at(i));
    fmt::format_to(std::back_inserter(out), "# {}\n{} = {}\n", origin, option.name,
                   escape(option.name, values[i]));
  }
}

}  // namespace

std::string print_config(const Command& command) {
  std::string out = "[appd]\n";
  for (const Option& option : option_table()) {
    if (!option.is_action()) print_option(option, command, out);
  }
  return out;
}

}  // namespace appd::config
