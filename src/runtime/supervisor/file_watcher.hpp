// Notices when a file is touched or replaced, for --touch-reload.
#pragma once

#include <sys/types.h>

#include <ctime>
#include <string>

#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// Tells when a file is touched: when its time of change, or the file under that name, is another.
/// The file need not be there yet. Single-threaded.
class FileWatcher {
 public:
  /// Watches the folder that the file is in. Throws std::system_error when there is none.
  explicit FileWatcher(const std::string& path);

  /// To be polled for reading.
  int fd() const noexcept { return inotify_.get(); }
  /// Whether it was touched since the last look. That it went away is no touch.
  bool look();
  /// In a forked child.
  void close_after_fork() noexcept { inotify_.reset(); }

 private:
  struct Seen {
    bool there = false;
    dev_t device = 0;
    ino_t inode = 0;
    std::timespec changed{};
  };
  Seen see() const noexcept;

  std::string path_;
  support::UniqueFd inotify_;
  Seen seen_;
};

}  // namespace appd::supervisor
