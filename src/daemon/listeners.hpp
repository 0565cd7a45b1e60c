// The listening sockets of all generations.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/setting_values.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/sockets/address.hpp"
#include "runtime/sockets/admission.hpp"
#include "runtime/sockets/listening_socket.hpp"
#include "runtime/sockets/passed_sockets.hpp"
#include "runtime/supervisor/upgrade_state.hpp"

namespace appd {

/// The listening sockets of a daemon, in the master alone. Generations with the same address share
/// the socket, so no connection is refused while one takes the place of another. It is closed, and
/// its file removed, when no generation has it any more.
class Listeners {
 public:
  struct Listener {
    std::shared_ptr<sockets::ListeningSocket> socket;
    net::Caller caller = net::Caller::front;
  };
  using Sockets = std::vector<Listener>;

  /// The sockets of `addresses` in order. Those that are not open yet are opened. Warns of sockets
  /// that other machines can reach now, of an `admission` without effect, and of sockets from the
  /// service manager that no address names. Throws what ListeningSocket and PassedSockets throw;
  /// nothing has changed then.
  Sockets open(const std::vector<ListenAddress>& addresses,
               const sockets::SocketFileOptions& options, const sockets::Admission& admission,
               gateway::Reporter& log);

  /// Adds what is open, for another program in this process.
  void export_to(supervisor::UpgradeState& upgrade_state) const;
  /// Takes what another program in this process had open.
  Sockets inherit(const supervisor::UpgradeState& upgrade_state, const support::Account* account);

 private:
  using Shared = std::vector<std::shared_ptr<sockets::ListeningSocket>>;

  Shared find(const std::string& address) const;
  Shared open_one(const sockets::Address& address, const sockets::SocketFileOptions& options);
  void warn_of_exposed(const Sockets& all, const sockets::Admission& admission,
                       gateway::Reporter& log);

  std::optional<sockets::PassedSockets> passed_;  ///< std::nullopt until the first use
  std::map<std::string, std::vector<std::weak_ptr<sockets::ListeningSocket>>> by_address_;
  std::map<std::string, std::string_view> exposed_;  ///< by name, what has been warned of
};

/// "/run/app.sock, 127.0.0.1:8000"
std::string names_of(const Listeners::Sockets& sockets);

}  // namespace appd
