#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace appd::config {

/// What a variable of the environment is; null: it is not set.
using Lookup = std::function<const char*(const char* name)>;

/// Why a value of a file cannot be expanded, without the value.
struct ExpansionError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The value that `text` stands for in a file, as the value of `option`:
///
///     ${NAME}       the environment's variable, which must be set
///     $${ and $$(   ${ and $(
///     %%            %, but where the option's own language has it (access-log-format, env, warmup)
///
/// What other servers and systemd expand there (%n, %(name), $(NAME)) is refused rather than taken
/// as it is. What comes of a variable is not looked at again. Throws ExpansionError.
std::string expand(std::string_view option, std::string_view text, const Lookup& lookup);

/// The text that `expand` makes `value` of.
std::string escape(std::string_view option, std::string_view value);

}  // namespace appd::config
