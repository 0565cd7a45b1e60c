// What a running appd can be asked for.
#pragma once

#include <span>
#include <string_view>

namespace appd::config {

/// A first word of the command line that is a command for a running appd.
struct Verb {
  std::string_view name;
  std::string_view help;  ///< one sentence
};

/// All verbs, for the help and what is made from it. The master's own table of them is in
/// supervisor/control_protocol.
std::span<const Verb> verbs() noexcept;

}  // namespace appd::config
