// Raises RLIMIT_NOFILE.

#include "bench/load/descriptor_limit.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <stdexcept>

namespace appd::load {

void allow_connections(std::size_t count) {
  constexpr std::size_t kOtherFiles = 64;  // the loop's, those read in /proc, inherited ones
  const rlim_t needed = count + kOtherFiles;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= needed) return;
  limit.rlim_cur = needed;
  limit.rlim_max = std::max(limit.rlim_max, needed);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    throw std::runtime_error(
        fmt::format("{} connections need a limit of {} open files (ulimit -n)", count, needed));
  }
}

}  // namespace appd::load
