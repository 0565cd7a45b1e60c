#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/support/ip_network.hpp"

namespace appd::sockets {

/// Who may connect. Set once, before the server starts; empty lists admit everyone.
struct Admission {
  std::vector<support::IpNetwork> networks;  ///< of peers of TCP sockets
  std::string networks_by = "--allow";       ///< what gave them, for the log
  std::vector<uid_t> users;                  ///< peers of Unix sockets; root is always admitted

  /// Why the peer of a connected socket may not connect, for the log: "192.0.2.7 is not in
  /// --allow". `local`: it is a Unix socket. Costs nothing when everyone may.
  std::optional<std::string> refusal(int socket, bool local) const {
    if (local ? users.empty() : networks.empty()) return std::nullopt;
    return local ? refusal_of_user(socket) : refusal_of_address(socket);
  }

 private:
  std::optional<std::string> refusal_of_address(int socket) const;
  std::optional<std::string> refusal_of_user(int socket) const;
};

}  // namespace appd::sockets
