// The files that receive the last words of processes that a signal ends.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runtime/support/unique_fd.hpp"

namespace appd::ipc {

/// Files in memory, one per place, for what a process writes while a signal ends it. They outlive
/// the process. The master makes them, and hands each process those of the places that it may
/// enter.
class CrashFiles {
 public:
  /// The most that `read` returns, in bytes.
  static constexpr std::size_t kMostRead = 256 * 1024;

  /// Throws std::system_error.
  explicit CrashFiles(unsigned places);
  /// Takes files that another process has made; the first of them is place 0 here. Throws
  /// std::system_error.
  explicit CrashFiles(std::vector<support::UniqueFd> files);

  /// In the master: for the process at this place.
  int file(unsigned place) const noexcept { return files_[place].get(); }

  /// In a process that has a place: empties the file of its place; `descriptor` leads there from
  /// now on. A process forked from one that has entered may enter another place: code that kept the
  /// number then writes to the new place. Throws std::system_error.
  ///
  /// Processes that this one forks write to stderr instead, since their end is not this one's.
  /// Programs that it executes inherit nothing.
  void enter(unsigned place);
  /// After `enter`, and the same number in processes that are forked later; open for as long as the
  /// process lives.
  int descriptor() const noexcept { return own_.get(); }
  /// After `enter`: closes the files of the other places. No process forked from this one may enter
  /// a place then.
  void close_others_after_fork() noexcept { files_.clear(); }

  /// In the master: what the last process at this place has left; "" if nothing.
  std::string read(unsigned place) const;

 private:
  std::vector<support::UniqueFd> files_;
  support::UniqueFd own_;
};

}  // namespace appd::ipc
