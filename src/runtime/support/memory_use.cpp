// Reads a process's proportional set size from /proc.

#include "runtime/support/memory_use.hpp"

#include <fstream>
#include <string>

namespace appd::support {

std::optional<std::uint64_t> proportional_set_size(pid_t pid) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string word; rollup >> word;) {
    std::uint64_t kib = 0;
    if (word == "Pss:" && rollup >> kib) return kib * 1024;
  }
  return std::nullopt;
}

}  // namespace appd::support
