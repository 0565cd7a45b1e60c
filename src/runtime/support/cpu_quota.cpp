// Finds the control groups of this process in its mounts and reads their quotas.

#include "runtime/support/cpu_quota.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "runtime/support/lines.hpp"

namespace appd::support {
namespace {

using Cpus = std::optional<unsigned>;

constexpr auto kEnd = std::string_view::npos;

/// A mounted hierarchy of control groups that can have quotas of time.
struct Hierarchy {
  bool version_2 = false;
  std::string root;         ///< the group that the mount shows at its top
  std::string mount_point;  ///< the folder
};

/// Removes the text up to the first `end`, with it, from `text` and returns it without it.
std::string_view take_until(std::string_view& text, char end) {
  const std::string_view taken = text.substr(0, text.find(end));
  text.remove_prefix(std::min(taken.size() + 1, text.size()));
  return taken;
}

/// Whether `word` is one of the words that commas separate.
bool has_word(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    if (take_until(words, ',') == word) return true;
  }
  return false;
}

/// The kernel writes blanks and backslashes of a path as \040 and \134 (proc_pid_mountinfo(5)).
std::string unescape(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    plain += take_until(text, '\\');
    if (text.size() < 3) break;
    unsigned code = 0;
    std::from_chars(text.data(), text.data() + 3, code, 8);
    plain += static_cast<char>(code);
    text.remove_prefix(3);
  }
  return plain;
}

/// Reads a line of /proc/self/mountinfo:
///   32 31 0:29 /pod /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
/// std::nullopt if it is a mount of another kind.
std::optional<Hierarchy> parse_mount(std::string_view line) {
  const std::size_t dash = line.find(" - ");
  if (dash == kEnd) return std::nullopt;
  std::string_view system = line.substr(dash + 3);
  const std::string_view type = take_until(system, ' ');
  take_until(system, ' ');
  const bool version_2 = type == "cgroup2";
  if (!version_2 && (type != "cgroup" || !has_word(system, "cpu"))) return std::nullopt;
  for (int skipped = 0; skipped < 3; ++skipped) take_until(line, ' ');
  const std::string_view root = take_until(line, ' ');
  return Hierarchy{version_2, unescape(root), unescape(take_until(line, ' '))};
}

/// The path of this process's group in /proc/self/cgroup:
///   4:cpu,cpuacct:/pod/container
///   0::/pod/container
std::optional<std::string_view> find_group(std::string_view groups, bool version_2) {
  while (!groups.empty()) {
    std::string_view group = take_line(groups);
    const bool number_0 = take_until(group, ':') == "0";  // version 2 alone has it
    const std::string_view controllers = take_until(group, ':');
    if (version_2 ? number_0 : has_word(controllers, "cpu")) return group;
  }
  return std::nullopt;
}

/// The folder of this process's group; std::nullopt if the mount does not show it.
std::optional<std::string> find_folder(const Hierarchy& hierarchy, std::string_view groups) {
  const auto group = find_group(groups, hierarchy.version_2);
  const std::string_view top = hierarchy.root == "/" ? "" : std::string_view(hierarchy.root);
  if (!group || !group->starts_with(top)) return std::nullopt;
  const std::string_view below = group->substr(top.size());
  if (!below.empty() && below.front() != '/') return std::nullopt;
  return hierarchy.mount_point + std::string(below);
}

std::int64_t to_number(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// std::nullopt without a quota: version 2 says "max", version 1 says -1.
Cpus rounded_up(std::string_view quota_text, std::string_view period_text) {
  const std::int64_t quota = to_number(quota_text);
  const std::int64_t period = to_number(period_text);
  if (quota <= 0 || period <= 0) return std::nullopt;
  constexpr std::int64_t kMost = std::numeric_limits<unsigned>::max();
  return static_cast<unsigned>(std::min((quota - 1) / period + 1, kMost));
}

Cpus quota_of(const std::string& folder, bool version_2, const ReadText& read) {
  if (version_2) {
    const auto both = read(folder + "/cpu.max");
    std::string_view period = both ? std::string_view(*both) : "";
    const std::string_view quota = take_until(period, ' ');
    return rounded_up(quota, period);
  }
  const auto quota = read(folder + "/cpu.cfs_quota_us");
  const auto period = read(folder + "/cpu.cfs_period_us");
  return quota && period ? rounded_up(*quota, *period) : std::nullopt;
}

void lower(Cpus& least, Cpus other) {
  if (other) least = std::min(*other, least.value_or(*other));
}

/// The least of a group and those above it, up to the top of the mount.
Cpus least_quota(const Hierarchy& hierarchy, std::string folder, const ReadText& read) {
  Cpus least;
  while (folder.size() > hierarchy.mount_point.size()) {
    lower(least, quota_of(folder, hierarchy.version_2, read));
    folder.resize(folder.rfind('/'));
  }
  lower(least, quota_of(hierarchy.mount_point, hierarchy.version_2, read));
  return least;
}

}  // namespace

std::optional<unsigned> quota_in_cpus(const ReadText& read) {
  const auto mounts = read("/proc/self/mountinfo");
  const auto groups = read("/proc/self/cgroup");
  if (!mounts || !groups) return std::nullopt;
  Cpus least;
  for (std::string_view rest = *mounts; !rest.empty();) {
    const auto hierarchy = parse_mount(take_line(rest));
    auto folder = hierarchy ? find_folder(*hierarchy, *groups) : std::nullopt;
    if (folder) lower(least, least_quota(*hierarchy, *std::move(folder), read));
  }
  return least;
}

}  // namespace appd::support
