#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/settings.hpp"

namespace appd::config {

enum class Group { sockets, application, processes, limits, deadlines, logs, actions };

/// One option: all that is known of it. An option without `assign` is an action: for the command
/// line alone, and no part of Settings.
struct Option {
  Group group;
  std::string_view name;      ///< as in the file; "--" before it on the command line
  std::string_view argument;  ///< what help calls the value; "": a flag, or an action without value
  std::string_view fallback;  ///< the default, read like any other value; "": left empty
  std::string_view help;      ///< one or more sentences, for wrapping
  bool required = false;
  bool repeatable = false;

  /// Sets (repeatable: adds) the value; throws BadValue.
  void (*assign)(Settings&, std::string_view text) = nullptr;
  /// The values in `settings` as texts that `assign` takes: one, several when repeatable, or none
  /// when there is nothing to write down.
  std::vector<std::string> (*show)(const Settings& settings) = nullptr;
  /// Takes the values of a repeatable option out.
  void (*clear)(Settings&) = nullptr;

  bool is_action() const noexcept { return assign == nullptr; }
  bool takes_value() const noexcept { return !argument.empty(); }
};

/// All options, group by group. The one place of names, defaults and help.
std::span<const Option> option_table();

/// The option of that name, or null.
const Option* find_option(std::string_view name);

std::string_view title(Group group) noexcept;

}  // namespace appd::config
