// The peers that may connect: --allow and --allow-user.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/support/ip_network.hpp"

namespace appd::sockets {

/// Decides which peers may connect. Set once, before the server starts. Empty lists admit everyone.
struct Admission {
  std::vector<support::IpNetwork> networks;  ///< of peers of TCP sockets
  std::string networks_by = "--allow";       ///< where the networks come from, for the log
  std::vector<uid_t> users;                  ///< peers of Unix sockets; root is always admitted

  /// Why the peer of a connected socket may not connect, for the log: "192.0.2.7 is not in
  /// --allow". std::nullopt if it may. `local` means a Unix socket. Costs nothing if everyone may
  /// connect.
  std::optional<std::string> refusal(int socket, bool local) const {
    if (local ? users.empty() : networks.empty()) return std::nullopt;
    return local ? refusal_of_user(socket) : refusal_of_address(socket);
  }

 private:
  std::optional<std::string> refusal_of_address(int socket) const;
  std::optional<std::string> refusal_of_user(int socket) const;
};

}  // namespace appd::sockets
