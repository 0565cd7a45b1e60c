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
  // cgroups(7): "0::/path" is the group of version 2. In a container the path begins at its root.
  constexpr std::string_view kVersion2 = "0::";
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with(kVersion2)) continue;
    return "/sys/fs/cgroup" + line.substr(kVersion2.size()) + "/memory.events";
  }
  return "";
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
