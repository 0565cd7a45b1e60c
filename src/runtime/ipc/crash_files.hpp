#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runtime/support/unique_fd.hpp"

namespace appd::ipc {

/// Where processes write what they have to say while a signal ends them: a file in memory for each
/// place, which outlives whoever has written to it. Made by the master before it forks.
class CrashFiles {
 public:
  /// The most that `read` gives, in bytes.
  static constexpr std::size_t kMostRead = 256 * 1024;

  /// Throws std::system_error.
  explicit CrashFiles(unsigned places);

  /// In a forked process: empties the file of its place, to which `descriptor` leads from now on.
  /// Also in one that was forked by such a process: who has kept the number writes to the new
  /// place. Throws std::system_error.
  ///
  /// What that process forks by itself writes to stderr instead, for its end is not the process's;
  /// what it executes inherits nothing.
  void enter(unsigned place);
  /// The same number in every process, open for as long as the process lives.
  int descriptor() const noexcept { return own_.get(); }
  /// After `enter`, in a process below which nobody enters: closes the files of the others.
  void close_others_after_fork() noexcept { files_.clear(); }
  /// In a process that has no place here.
  void close_after_fork() noexcept {
    files_.clear();
    own_.reset();
  }

  /// In the master: what the last process at this place has left; "": nothing.
  std::string read(unsigned place) const;

 private:
  std::vector<support::UniqueFd> files_;
  support::UniqueFd own_;
};

}  // namespace appd::ipc
