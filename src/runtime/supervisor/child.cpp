#include "runtime/supervisor/child.hpp"

#include <fmt/format.h>

namespace appd::supervisor {

std::string title(const Child& child) {
  if (!child.process || !child.process->pid) return child.name;
  return fmt::format("{} (pid {})", child.name, *child.process->pid);
}

}  // namespace appd::supervisor
