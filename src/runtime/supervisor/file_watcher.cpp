// Compares a file's identity and times with those of the last look.

#include "runtime/supervisor/file_watcher.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <utility>

#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {

FileWatcher::FileWatcher(const std::string& path)
    : path_(std::filesystem::absolute(path)), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!inotify_) support::throw_errno("inotify_init1");
  const std::string folder = std::filesystem::path(path_).parent_path();
  // The folder is watched, since a file that replaces this one is another file.
  constexpr std::uint32_t kChanges = IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO;
  if (::inotify_add_watch(inotify_.get(), folder.c_str(), kChanges) < 0) {
    support::throw_errno("watch", folder);
  }
  seen_ = see();
}

bool FileWatcher::look() {
  std::array<char, 4096> events;
  while (::read(inotify_.get(), events.data(), events.size()) > 0) {
  }
  const Seen now = see();
  const bool same = now.device == seen_.device && now.inode == seen_.inode &&
                    now.changed.tv_sec == seen_.changed.tv_sec &&
                    now.changed.tv_nsec == seen_.changed.tv_nsec;
  seen_ = now;
  return now.there && !same;
}

FileWatcher::Seen FileWatcher::see() const noexcept {
  struct stat file {};
  if (::stat(path_.c_str(), &file) != 0) return {};
  return {true, file.st_dev, file.st_ino, file.st_mtim};
}

}  // namespace appd::supervisor
