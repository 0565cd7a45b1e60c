#pragma once

#include <sys/un.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/supervisor/control_protocol.hpp"
#include "runtime/support/account.hpp"
#include "runtime/support/socket_file.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// The socket (its owner's alone: mode 0600) on which the master is asked for what signals ask for
/// too, and answers. A caller that does not read what it is told is dropped. Single-threaded.
class ControlSocket {
 public:
  using Caller = std::uint64_t;  ///< never given twice
  struct Request {
    Caller caller;
    ControlVerb verb;
  };

  /// A file that nobody listens on any more is replaced. Throws std::runtime_error.
  explicit ControlSocket(const std::string& path, const support::Account* account = nullptr);
  /// One that this process had already, before execve. Throws std::system_error.
  ControlSocket(const std::string& path, support::UniqueFd listener,
                const support::Account* account = nullptr);
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  /// Closes all descriptors, in a forked child.
  void leave() noexcept;

  /// To be polled for reading.
  int fd() const noexcept { return epoll_.get(); }
  /// What has been asked since. Callers that are gone are forgotten.
  std::vector<Request> receive();

  int listener() const noexcept { return listener_.get(); }
  /// −1: it is gone.
  int fd_of(Caller caller) const noexcept;
  /// Takes a caller over.
  Caller adopt(support::UniqueFd fd);

  /// Nothing happens for a caller that is gone.
  void say(Caller caller, std::string_view text) noexcept;
  /// The outcome: nothing more is said.
  void succeed(Caller caller, std::string_view text) noexcept;
  void fail(Caller caller, std::string_view text) noexcept;

 private:
  void accept_all();
  void watch(int fd, Caller caller);
  void send(Caller caller, ControlMessage::Kind kind, std::string_view text) noexcept;

  support::UniqueFd epoll_;
  support::UniqueFd listener_;
  support::SocketFile file_;
  Caller last_ = 0;
  std::map<Caller, support::UniqueFd> callers_;
};

/// Throws std::runtime_error when the path is too long for a socket.
sockaddr_un control_address(const std::string& path);

}  // namespace appd::supervisor
