// Files that standard streams were redirected into, for log rotation.
#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/support/account.hpp"

namespace appd::logging {

bool is_regular_file(int fd) noexcept;

/// If `fd` and `other` are both regular files, `fd` becomes a copy of `other`: at once, for all
/// that write to it. `flags` are those of dup3(2).
void go_on(int fd, int other, int flags = 0) noexcept;

/// A standard stream that was redirected into a file. Notes the file's path while it has one. One
/// thread only.
class StandardFile {
 public:
  /// `fd` is borrowed.
  explicit StandardFile(int fd);

  /// Opens the file of the noted path in the present one's place; the present one may have been
  /// moved away. Creates the file if it is missing. Does nothing if the stream was not a file, or
  /// had no name. For `account` see support::open_for. Throws std::system_error,
  /// std::runtime_error.
  void reopen(const support::Account* account) const;
  /// "" if it is not a file.
  const std::string& path() const noexcept { return path_; }
  /// −1 if it is not a file.
  int file() const noexcept { return path_.empty() ? -1 : fd_; }

 private:
  int fd_;
  std::string path_;
  mode_t mode_ = 0;
};

}  // namespace appd::logging
