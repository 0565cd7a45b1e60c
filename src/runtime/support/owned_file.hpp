// A file that this process has made and removes at its end.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "runtime/support/account.hpp"

struct stat;

namespace appd::support {

/// True if `path` still names the file that is open as `fd`.
bool names_file(const std::string& path, int fd) noexcept;

/// A file that goes with this object: the destructor removes it, but only in the process that made
/// the object, and only while the path still names that file. Removes it with the rights of the
/// path's actor (PathActor).
class OwnedFile {
 public:
  OwnedFile() noexcept = default;  ///< no file
  /// The file that `path` names now; no file if there is none. `account` is PathActor's.
  static OwnedFile at(const std::string& path, const Account* account);
  /// The file that is open as `fd`, whatever `path` names now.
  static OwnedFile opened(int fd, const std::string& path, const Account* account);

  OwnedFile(OwnedFile&& other) noexcept;
  OwnedFile& operator=(OwnedFile&& other) noexcept;
  ~OwnedFile() { remove(); }

  bool exists() const noexcept { return !path_.empty(); }
  const std::string& path() const noexcept { return path_; }
  void remove() noexcept;

 private:
  OwnedFile(const std::string& path, const struct stat& status, const Account* account);

  std::string path_;  ///< "" if there is no file
  std::optional<Account> account_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  pid_t maker_ = 0;
};

}  // namespace appd::support
