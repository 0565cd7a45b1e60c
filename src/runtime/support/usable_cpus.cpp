// Reads the affinity and the quota of this process.

#include "runtime/support/usable_cpus.hpp"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>

#include "runtime/support/cpu_quota.hpp"

namespace appd::support {
namespace {

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

unsigned count_affinity() {
  cpu_set_t set;
  const bool known = ::sched_getaffinity(0, sizeof(set), &set) == 0;
  return known ? static_cast<unsigned>(CPU_COUNT(&set)) : std::thread::hardware_concurrency();
}

}  // namespace

unsigned usable_cpus() {
  const unsigned allowed = count_affinity();
  return std::max(1u, std::min(allowed, quota_in_cpus(read_text).value_or(allowed)));
}

}  // namespace appd::support
