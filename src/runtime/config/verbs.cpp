// The commands for a running appd, with their help.

#include "runtime/config/verbs.hpp"

namespace appd::config {

std::span<const Verb> verbs() noexcept {
  static constexpr Verb kVerbs[] = {
      {"reload", "Read the configuration again, and replace the workers by new ones."},
      {"upgrade", "Become the appd that has been installed meanwhile, then reload."},
      {"stop", "Finish running requests, and exit."},
      {"status", "Print what the master and its workers do."},
  };
  return kVerbs;
}

}  // namespace appd::config
