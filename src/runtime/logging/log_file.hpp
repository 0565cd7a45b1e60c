#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/support/account.hpp"

namespace appd::logging {

bool is_regular_file(int fd) noexcept;

/// `fd`, if it is a regular file, becomes a copy of `other`, if that is one: at once, for all that
/// write to it. `flags`: of dup3(2).
void go_on(int fd, int other, int flags = 0) noexcept;

/// A standard stream that somebody has directed into a file, whose path is noted while it has it.
/// For one thread.
class StandardFile {
 public:
  /// `fd` is borrowed.
  explicit StandardFile(int fd);

  /// The file of that path takes the place of the present one, which may have been moved away; made
  /// when there is none. Does nothing where it was no file, or had no name. `account`: see
  /// support::open_for. Throws std::system_error, std::runtime_error.
  void reopen(const support::Account* account) const;
  /// "": it is no file.
  const std::string& path() const noexcept { return path_; }
  /// −1: it is no file.
  int file() const noexcept { return path_.empty() ? -1 : fd_; }

 private:
  int fd_;
  std::string path_;
  mode_t mode_ = 0;
};

}  // namespace appd::logging
