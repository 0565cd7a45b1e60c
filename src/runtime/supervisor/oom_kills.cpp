// Finds and reads the control group's counter.

#include "runtime/supervisor/oom_kills.hpp"

#include <fstream>
#include <string_view>
#include <utility>

namespace appd::supervisor {

OomKills::OomKills(std::string path) : path_(std::move(path)), last_(count()) {}

bool OomKills::have_risen() {
  const std::optional<std::uint64_t> before = std::exchange(last_, count());
  return before && last_ && *last_ > *before;
}

std::string OomKills::path_of_own_group() {
  // cgroups(7): "N:memory:/path" where version 1 has the memory, else "0::/path". In a container
  // the path begins at its root.
  constexpr std::string_view kVersion1 = ":memory:";
  constexpr std::string_view kVersion2 = "0::";
  std::string found;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (const auto at = line.find(kVersion1); at != std::string::npos) {
      return "/sys/fs/cgroup/memory" + line.substr(at + kVersion1.size()) + "/memory.oom_control";
    }
    if (line.starts_with(kVersion2)) {
      found = "/sys/fs/cgroup" + line.substr(kVersion2.size()) + "/memory.events";
    }
  }
  return found;
}

std::optional<std::uint64_t> OomKills::count() const {
  std::ifstream events(path_);
  std::string name;
  std::uint64_t number = 0;
  while (events >> name >> number) {
    if (name == "oom_kill") return number;
  }
  return std::nullopt;
}

}  // namespace appd::supervisor
