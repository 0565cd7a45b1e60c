// Opens the sockets of the settings, and shares them between generations.

#include "daemon/listeners.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace appd {

using gateway::LogEvent;

namespace {

/// Warns of an option without effect, since the operator relies on it. Networks that come from the
/// environment may be meant for another program.
void warn_of_nobody_asked(const Listeners::Sockets& sockets, const sockets::Admission& admission,
                          gateway::Reporter& log) {
  const auto are_all = [&sockets](bool tcp) {
    return std::all_of(sockets.begin(), sockets.end(),
                       [tcp](const auto& each) { return each.socket->is_tcp() == tcp; });
  };
  const bool networks = !admission.networks.empty() && admission.networks_by == "--allow";
  if (networks && are_all(false)) {
    log.report(LogEvent::socket_allow_unused,
               "--allow has no effect: it is for TCP sockets, and there are none");
  }
  if (!admission.users.empty() && are_all(true)) {
    log.report(LogEvent::socket_allow_unused,
               "--allow-user has no effect: it is for Unix sockets, and there are none");
  }
}

/// What a socket lets those do who can reach it; "" if no more than any server on the internet.
std::string_view exposed_by(net::Caller caller) noexcept {
  switch (caller) {
    case net::Caller::front:
      return "whoever connects can forge every variable, REMOTE_USER among them; name the front "
             "with --allow, or bind to a Unix socket or 127.0.0.1";
    case net::Caller::proxied:
      return "whoever connects can claim to be any client, because of --proxy-protocol; name the "
             "proxies with --allow, or let a firewall keep others out";
    case net::Caller::client:
      break;
  }
  return {};
}

}  // namespace

Listeners::Sockets Listeners::open(const std::vector<ListenAddress>& addresses,
                                   const sockets::SocketFileOptions& options,
                                   const sockets::Admission& admission, gateway::Reporter& log) {
  if (!passed_) passed_ = sockets::PassedSockets::receive();
  Sockets all;
  for (const auto& [address, caller] : addresses) {
    const std::string key = sockets::to_string(address);
    Shared sockets = find(key);
    if (sockets.empty()) {
      sockets = open_one(address, options);
      by_address_[key].assign(sockets.begin(), sockets.end());
    }
    for (auto& socket : sockets) all.push_back({std::move(socket), caller});
  }
  warn_of_exposed(all, admission, log);
  warn_of_nobody_asked(all, admission, log);
  for (const std::string& name : passed_->left()) {
    log.report(LogEvent::socket_unused,
               fmt::format("nobody answers on the socket {} that the service "
                           "manager has passed: add --socket systemd:{}",
                           name, name));
  }
  return all;
}

void Listeners::warn_of_exposed(const Sockets& all, const sockets::Admission& admission,
                                gateway::Reporter& log) {
  std::map<std::string, std::string_view> exposed;
  for (const auto& [socket, caller] : all) {
    const std::string_view danger = exposed_by(caller);
    if (danger.empty() || socket->is_private() || !admission.networks.empty()) continue;
    exposed[socket->name()] = danger;
    if (exposed_[socket->name()] == danger) continue;  // the last generation's was, too
    log.report(LogEvent::socket_exposed,
               fmt::format("{} can be reached from other machines: {}", socket->name(), danger));
  }
  exposed_ = std::move(exposed);
}

void Listeners::export_to(supervisor::UpgradeState& upgrade_state) const {
  for (const auto& [address, sockets] : by_address_) {
    for (const auto& each : sockets) {
      if (const auto socket = each.lock()) {
        upgrade_state.sockets.push_back({address, socket->fd(), socket->owns_file()});
      }
    }
  }
  if (!passed_) return;
  passed_->for_each([&upgrade_state](const std::string& name, int fd) {
    upgrade_state.passed.push_back({name, fd});
  });
}

Listeners::Sockets Listeners::inherit(const supervisor::UpgradeState& upgrade_state,
                                      const support::Account* account) {
  passed_.emplace(sockets::PassedSockets::receive());
  for (const auto& [name, fd] : upgrade_state.passed)
    passed_->put_back(support::UniqueFd(fd), name);
  Sockets all;
  for (const auto& [address, fd, owns_file] : upgrade_state.sockets) {
    sockets::ListeningSocket socket =
        sockets::ListeningSocket::adopt(support::UniqueFd(fd), address);
    if (owns_file) socket.own_file(account);
    all.push_back({std::make_shared<sockets::ListeningSocket>(std::move(socket))});
    by_address_[address].push_back(all.back().socket);
  }
  return all;
}

Listeners::Shared Listeners::find(const std::string& address) const {
  Shared sockets;
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return sockets;
  for (const auto& socket : found->second) {
    if (auto open = socket.lock()) sockets.push_back(std::move(open));
  }
  return sockets;
}

Listeners::Shared Listeners::open_one(const sockets::Address& address,
                                      const sockets::SocketFileOptions& options) {
  Shared sockets;
  if (const auto* name = std::get_if<sockets::PassedName>(&address)) {
    for (sockets::ListeningSocket& socket : passed_->take(*name)) {
      sockets.push_back(std::make_shared<sockets::ListeningSocket>(std::move(socket)));
    }
  } else {
    sockets.push_back(std::make_shared<sockets::ListeningSocket>(
        sockets::ListeningSocket::open(address, options)));
  }
  return sockets;
}

std::string names_of(const Listeners::Sockets& sockets) {
  std::string names;
  for (const auto& each : sockets) names += (names.empty() ? "" : ", ") + each.socket->name();
  return names;
}

}  // namespace appd
