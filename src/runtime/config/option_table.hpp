// The option table, from which command line, file, help and documentation are made.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/settings.hpp"

namespace appd::config {

enum class Group { sockets, application, processes, limits, deadlines, logs, development, actions };

/// Everything that is known of one option. An option without `assign` is an action: it exists on
/// the command line only and is no part of Settings.
struct Option {
  Group group;
  std::string_view name;  ///< as in the file; the command line puts "--" before it
  /// The value's name in the help; "" for a flag or an action without value.
  std::string_view argument;
  /// The default, parsed like any other value; "" if the setting stays empty.
  std::string_view fallback;
  std::string_view help;  ///< one or more sentences; the help wraps them
  bool required = false;
  bool repeatable = false;
  /// Tells a command for a running appd, such as `appd reload`, which one is meant.
  bool finds_master = false;
  /// Values that are words. The option may take other values as well.
  std::span<const std::string_view> words{};

  /// Sets the value, or adds one if the option is repeatable. Throws BadValue.
  void (*assign)(Settings&, std::string_view text) = nullptr;
  /// The values in `settings`, in the form that `assign` takes: one; several if repeatable; none if
  /// there is nothing to write down.
  std::vector<std::string> (*show)(const Settings& settings) = nullptr;
  /// Removes the values of a repeatable option.
  void (*clear)(Settings&) = nullptr;

  bool is_action() const noexcept { return assign == nullptr; }
  bool takes_value() const noexcept { return !argument.empty(); }
};

/// All options, by group. The only place for names, defaults and help.
std::span<const Option> option_table();

/// The option of that name; null if there is none.
const Option* find_option(std::string_view name);

std::string_view title(Group group) noexcept;

/// The help, with what else the table says: "Required.", "Default: 4.".
std::string full_help(const Option& option);

}  // namespace appd::config
