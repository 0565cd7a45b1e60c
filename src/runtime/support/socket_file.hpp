#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "runtime/support/account.hpp"

namespace appd::support {

/// The file of a Unix socket that this process has bound, removed at the end. All that is done to
/// it is done to what was made, not to whatever has its name by then, and by the path's actor
/// (PathActor).
class SocketFile {
 public:
  struct Wanted {
    mode_t mode = 0600;
    std::optional<uid_t> owner{};  ///< none: who makes it
    std::optional<gid_t> group{};
  };

  SocketFile() noexcept = default;  ///< none
  /// Binds the socket, which does not listen yet. The file has its mode from the first moment.
  /// Throws std::system_error, with EADDRINUSE when something is there; nothing is left then.
  static SocketFile bind(int socket, const std::string& path, const Wanted& wanted,
                         const Account* account);
  /// The file that is there is this process's, by what it was before an execve.
  static SocketFile take_over(const std::string& path, const Account* account);

  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile() { remove(); }

  bool exists() const noexcept { return !path_.empty(); }
  /// In the process that made it, and while it is still this socket's.
  void remove() noexcept;

 private:
  void give(int file, const Wanted& wanted) const;

  std::string path_;  ///< "": none
  std::optional<Account> account_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  pid_t maker_ = 0;
};

}  // namespace appd::support
