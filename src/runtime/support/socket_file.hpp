// The file of a bound Unix socket.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "runtime/support/account.hpp"

namespace appd::support {

/// The file of a Unix socket that this process has bound. The destructor removes it. All operations
/// are on the file that was made, even if another has its name by then, and they have the rights of
/// the path's actor (PathActor).
class SocketFile {
 public:
  struct Wanted {
    mode_t mode = 0600;
    std::optional<uid_t> owner{};  ///< std::nullopt for the user who makes it
    std::optional<gid_t> group{};
  };

  SocketFile() noexcept = default;  ///< no file
  /// Binds the socket; it does not listen yet. The file has its mode from the first moment. Throws
  /// std::system_error and leaves nothing behind; the error is EADDRINUSE if something has the
  /// path.
  static SocketFile bind(int socket, const std::string& path, const Wanted& wanted,
                         const Account* account);
  /// Adopts the existing file: this process made it before an execve.
  static SocketFile take_over(const std::string& path, const Account* account);

  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile() { remove(); }

  bool exists() const noexcept { return !path_.empty(); }
  /// Removes the file if this process made it and it is still this socket's.
  void remove() noexcept;

 private:
  void give(int file, const Wanted& wanted) const;

  std::string path_;  ///< "" if there is no file
  std::optional<Account> account_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  pid_t maker_ = 0;
};

}  // namespace appd::support
