// The file of a bound Unix socket.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "runtime/support/account.hpp"
#include "runtime/support/owned_file.hpp"

namespace appd::support {

/// What a path is that a socket is to be bound to.
enum class SocketPath : std::uint8_t {
  free,
  stale,    ///< a socket that no process listens on any more
  in_use,   ///< a socket of a running process, as far as can be told
  foreign,  ///< something other than a socket
};
/// Connects to the socket at `path` to find out. `type` is SOCK_STREAM or the like. Throws
/// std::system_error if the file cannot be inspected.
SocketPath look_at(const std::string& path, int type);
/// Removes a stale socket from `path`, with the rights of the path's actor (PathActor); nothing
/// happens if the path is free. Throws std::system_error if something has the path afterwards: with
/// EADDRINUSE if that is no stale socket.
void remove_stale_socket(const std::string& path, int type, const Account* account);

/// The file of a Unix socket that this process has bound. The destructor removes it, as OwnedFile
/// does. All operations are on the file that was made, even if another has its name by then, and
/// they have the rights of the path's actor (PathActor).
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
  static SocketFile take_over(const std::string& path, const Account* account) {
    return SocketFile(OwnedFile::at(path, account));
  }

  bool exists() const noexcept { return file_.exists(); }
  /// Removes the file if this process made it and it is still this socket's.
  void remove() noexcept { file_.remove(); }

 private:
  explicit SocketFile(OwnedFile file) noexcept : file_(std::move(file)) {}
  void give(int file, const Wanted& wanted) const;

  OwnedFile file_;
};

}  // namespace appd::support
