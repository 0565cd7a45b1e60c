// Notices when a file is touched or replaced, for --touch-reload.
#pragma once

#include <sys/types.h>

#include <ctime>
#include <string>

#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// Tells when a file is touched: its time of change is another, or another file has its name. The
/// file need not exist yet. Single-threaded.
class FileWatcher {
 public:
  /// Watches the folder of the file. Throws std::system_error if the folder does not exist.
  explicit FileWatcher(const std::string& path);

  /// To be polled for reading.
  int fd() const noexcept { return inotify_.get(); }
  /// Whether the file was touched since the last look. Removing it does not count.
  bool look();

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
