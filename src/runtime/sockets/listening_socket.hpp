// A bound and listening socket.
#pragma once

#include <optional>
#include <string>

#include "runtime/sockets/address.hpp"
#include "runtime/support/account.hpp"
#include "runtime/support/socket_file.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::sockets {

/// Mode and owner of a Unix socket's file.
struct SocketFileOptions {
  unsigned mode = 0660;
  std::string owner;  ///< user name or number; "" leaves it unchanged
  std::string group;
  /// The account of the workers if root serves them; see support::PathActor.
  const support::Account* account = nullptr;
};

/// A bound, listening, non-blocking, close-on-exec socket, and its file if it has one.
/// The destructor removes the file, but only in the process that made it and only while it is still
/// this socket's.
class ListeningSocket {
 public:
  /// Binds, and listens with the largest backlog that the kernel allows. Replaces a file on which
  /// no process listens any more; refuses one in use. Throws std::system_error or
  /// std::invalid_argument whose text names the address and the step. Not for passed sockets.
  static ListeningSocket open(const Address& address, const SocketFileOptions& options);
  /// Adopts a socket that another process opened and called `name`. Its file, if any, stays as it
  /// is. Throws std::invalid_argument if it is not a listening stream socket.
  static ListeningSocket adopt(support::UniqueFd socket, const std::string& name);
  /// From now on this process removes the socket's file, if it has one.
  void own_file(const support::Account* account);

  ListeningSocket(ListeningSocket&& other) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;

  int fd() const noexcept { return fd_.get(); }
  /// As an operator would write it, with the port that the kernel chose for port 0.
  const std::string& name() const noexcept { return name_; }
  bool owns_file() const noexcept { return file_.exists(); }
  bool is_tcp() const noexcept { return tcp_; }
  /// True if only this machine can reach it.
  bool is_private() const noexcept { return private_; }
  /// Gives the descriptor away; this object keeps the file.
  support::UniqueFd take_fd() noexcept { return std::move(fd_); }
  /// For tests: what the destructor does to the file.
  void remove_file() noexcept { file_.remove(); }

 private:
  ListeningSocket() = default;
  static ListeningSocket open_unix(const UnixPath& path, const SocketFileOptions& options);
  static ListeningSocket open_abstract(const AbstractName& name);
  static ListeningSocket open_tcp(const TcpEndpoint& endpoint);

  support::UniqueFd fd_;
  std::string name_;
  support::SocketFile file_;
  bool tcp_ = false;
  bool private_ = true;
};

}  // namespace appd::sockets
