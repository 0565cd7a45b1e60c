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
  /// Takes what there is, and the variables out of the environment: no child is to look for sockets
  /// by them. Call once. Throws std::system_error.
  static PassedSockets receive();

  /// Takes those of that name (FileDescriptorName= of a socket unit; several may share one), or all
  /// that are left. Throws std::invalid_argument when there is none, or one is nothing that
  /// connections can be accepted from.
  std::vector<ListeningSocket> take(const PassedName& wanted);

  /// One that this process had already, before execve.
  void put_back(support::UniqueFd fd, std::string name);
  /// Calls `each(name, fd)` for those that nobody has taken.
  template <typename Each>
  void for_each(Each each) const {
    for (const Passed& passed : passed_) each(passed.name, passed.fd.get());
  }

  /// The names of those that nobody has taken.
  std::vector<std::string> left() const;

 private:
  struct Passed {
    support::UniqueFd fd;
    std::string name;
  };
  std::vector<Passed> passed_;
};

}  // namespace appd::sockets
