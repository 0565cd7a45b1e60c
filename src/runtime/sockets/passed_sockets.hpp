// Sockets that the service manager has opened and passed.
#pragma once

#include <string>
#include <vector>

#include "runtime/sockets/listening_socket.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::sockets {

/// The listening sockets that the service manager has opened for this process and passed to it
/// (systemd's socket activation: LISTEN_FDS, LISTEN_FDNAMES). They are close-on-exec.
class PassedSockets {
 public:
  /// Takes the passed sockets, and removes the variables from the environment, so that no child
  /// looks for sockets by them. Call once. Throws std::system_error.
  static PassedSockets receive();

  /// Takes the sockets of that name (FileDescriptorName= of a socket unit; several may share one),
  /// or all that are left. Throws std::invalid_argument if there are none, or if one of them cannot
  /// accept connections.
  std::vector<ListeningSocket> take(const PassedName& wanted);

  /// Adds a socket that this process had before execve.
  void put_back(support::UniqueFd fd, std::string name);
  /// Calls `each(name, fd)` for those that were not taken.
  template <typename Each>
  void for_each(Each each) const {
    for (const Passed& passed : passed_) each(passed.name, passed.fd.get());
  }

  /// The names of those that were not taken.
  std::vector<std::string> left() const;

 private:
  struct Passed {
    support::UniqueFd fd;
    std::string name;
  };
  std::vector<Passed> passed_;
};

}  // namespace appd::sockets
