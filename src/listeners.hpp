#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/net/address.hpp"
#include "runtime/net/admission.hpp"
#include "runtime/net/listening_socket.hpp"
#include "runtime/net/passed_sockets.hpp"
#include "runtime/supervisor/legacy.hpp"

namespace appd {

/// The listening sockets of a daemon. Generations of one address share the socket, so that no
/// connection is refused while one takes the place of another; it is closed, and its file removed,
/// when nobody holds it any more. In the master alone.
class Listeners {
 public:
  using Sockets = std::vector<std::shared_ptr<net::ListeningSocket>>;

  /// Those of `addresses` in order: what is open already, the rest opened. Warns of what others can
  /// reach, of an `admission` that asks nobody, and of what the service manager passes in vain.
  /// Throws what ListeningSocket and
  /// PassedSockets throw; nothing is changed then.
  Sockets open(const std::vector<net::Address>& addresses, const net::SocketFileOptions& options,
               const net::Admission& admission, gateway::Reporter& log);

  /// Writes down what is open, for another program in this process.
  void leave_to(supervisor::Legacy& legacy) const;
  /// Gives what another program in this process had open.
  Sockets inherit(const supervisor::Legacy& legacy, const support::Account* account);

 private:
  Sockets find(const std::string& address) const;
  Sockets open_one(const net::Address& address, const net::SocketFileOptions& options);

  std::optional<net::PassedSockets> passed_;  ///< none: not asked for yet
  std::map<std::string, std::vector<std::weak_ptr<net::ListeningSocket>>> by_address_;
};

}  // namespace appd
