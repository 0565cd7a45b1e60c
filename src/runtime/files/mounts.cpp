// Finds the mount of a path.

#include "runtime/files/mounts.hpp"

#include <algorithm>
#include <utility>

namespace appd::files {
namespace {

bool is_below(std::string_view path, std::string_view prefix) noexcept {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

}  // namespace

Mounts::Mounts(std::vector<Mount> mounts) : mounts_(std::move(mounts)) {
  for (Mount& mount : mounts_) {
    while (mount.prefix.ends_with('/')) mount.prefix.pop_back();
  }
  std::stable_sort(mounts_.begin(), mounts_.end(), [](const Mount& one, const Mount& other) {
    return one.prefix.size() > other.prefix.size();
  });
}

std::optional<Mounts::Place> Mounts::find(std::string_view path) const {
  const auto mount = std::find_if(mounts_.begin(), mounts_.end(),
                                  [&](const Mount& each) { return is_below(path, each.prefix); });
  if (mount == mounts_.end()) return std::nullopt;
  const std::string_view rest = path.substr(mount->prefix.size());
  std::string file(rest.substr(rest.empty() ? 0 : 1));
  if (rest.ends_with('/')) file += mount->index_file;
  return Place{&*mount, std::move(file)};
}

}  // namespace appd::files
