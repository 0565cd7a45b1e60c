#pragma once

#include <optional>
#include <string>

#include "runtime/sockets/address.hpp"
#include "runtime/support/account.hpp"
#include "runtime/support/socket_file.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::sockets {

/// Mode and ownership of a Unix socket's file.
struct SocketFileOptions {
  unsigned mode = 0660;
  std::string owner;  ///< user name or number; "": unchanged
  std::string group;
  /// Whom the workers act for, if root serves them: see support::PathActor.
  const support::Account* account = nullptr;
};

/// A bound, listening, non-blocking, close-on-exec socket, and its file if it has one. The file is
/// removed by `remove_file` or the destructor, but only in the process that made it and only while
/// it is still this socket's.
class ListeningSocket {
 public:
  /// Binds and listens with the largest backlog that the kernel allows. A file that no process
  /// listens on any more is replaced; one that is in use is refused. Throws std::system_error or
  /// std::invalid_argument whose text names the address and the step.
  /// Not for sockets that are passed.
  static ListeningSocket open(const Address& address, const SocketFileOptions& options);
  /// One that was opened by somebody else, who called it `name`; its file, if any, stays as it is.
  /// Throws std::invalid_argument when it is no listening stream socket.
  static ListeningSocket adopt(support::UniqueFd socket, const std::string& name);
  /// From now on its file, if it has one, is this process's to remove.
  void own_file(const support::Account* account);

  ListeningSocket(ListeningSocket&& other) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;

  int fd() const noexcept { return fd_.get(); }
  /// As an operator would write it, with the port that the kernel chose for port 0.
  const std::string& name() const noexcept { return name_; }
  bool owns_file() const noexcept { return file_.exists(); }
  bool is_tcp() const noexcept { return tcp_; }
  /// True when only this machine can reach it.
  bool is_private() const noexcept { return private_; }
  /// Gives the descriptor away; the file stays this object's.
  support::UniqueFd take_fd() noexcept { return std::move(fd_); }
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
