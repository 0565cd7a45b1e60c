// Counts kills by the kernel for lack of memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace appd::supervisor {

/// How often the kernel has killed a process of this control group for lack of memory: the counter
/// `oom_kill` of memory.events (cgroup v2) or of memory.oom_control (v1). Where it cannot be read,
/// it never rises.
class OomKills {
 public:
  /// The file with the counter.
  explicit OomKills(std::string path = path_of_own_group());

  /// Whether the counter has risen since the last call, or since this object was made.
  bool have_risen();

  /// The file of the group that this process is in; "" if there is none.
  static std::string path_of_own_group();

 private:
  std::optional<std::uint64_t> count() const;

  const std::string path_;
  std::optional<std::uint64_t> last_;
};

}  // namespace appd::supervisor
