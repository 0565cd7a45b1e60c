#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "runtime/net/address.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

/// Mode and ownership of a Unix socket's file.
struct SocketFileOptions {
  unsigned mode = 0660;
  std::string owner;  ///< user name or number; "": unchanged
  std::string group;
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
  void own_file();

  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  int fd() const noexcept { return fd_.get(); }
  /// As an operator would write it, with the port that the kernel chose for port 0.
  const std::string& name() const noexcept { return name_; }
  bool owns_file() const noexcept { return !path_.empty(); }
  bool is_tcp() const noexcept { return tcp_; }
  /// True when only this machine can reach it.
  bool is_private() const noexcept { return private_; }
  /// Gives the descriptor away; the file stays this object's.
  support::UniqueFd take_fd() noexcept { return std::move(fd_); }
  void remove_file() noexcept;

 private:
  ListeningSocket() = default;
  static ListeningSocket open_unix(const UnixPath& path, const SocketFileOptions& options);
  static ListeningSocket open_abstract(const AbstractName& name);
  static ListeningSocket open_tcp(const TcpEndpoint& endpoint);

  support::UniqueFd fd_;
  std::string name_;
  std::string path_;  // empty: no file of ours
  dev_t device_ = 0;
  ino_t inode_ = 0;
  pid_t owner_ = 0;
  bool tcp_ = false;
  bool private_ = true;
};

}  // namespace appd::net
