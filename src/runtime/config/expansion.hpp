// Environment variables in the values of a file.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace appd::config {

/// The value of an environment variable; null if it is not set.
using Lookup = std::function<const char*(const char* name)>;

/// The reason why a value cannot be expanded. The text does not contain the value.
struct ExpansionError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Expands `text`, the value of `option` in a file:
///
///     ${NAME}       the environment variable, which must be set
///     $${ and $$(   literal ${ and $(
///     %%            literal %, unless the option's own format uses % (access-log-format, env,
///     warmup)
///
/// Notations that other servers and systemd expand (%n, %(name), $(NAME)) are refused, not taken
/// literally. The value of a variable is not expanded again. Throws ExpansionError.
std::string expand(std::string_view option, std::string_view text, const Lookup& lookup);

/// The text that `expand` turns into `value`.
std::string escape(std::string_view option, std::string_view value);

}  // namespace appd::config
