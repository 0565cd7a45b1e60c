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

/// All verbs, in the order of supervisor::ControlVerb.
std::span<const Verb> verbs() noexcept;

}  // namespace appd::config
