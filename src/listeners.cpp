#include "listeners.hpp"

#include <fmt/format.h>

#include <utility>
#include <variant>

namespace appd {

using gateway::Level;

Listeners::Sockets Listeners::open(const std::vector<net::Address>& addresses,
                                   const net::SocketFileOptions& options, gateway::Reporter& log) {
  if (!passed_) passed_ = net::PassedSockets::receive();
  Sockets all;
  for (const net::Address& address : addresses) {
    const std::string key = net::to_string(address);
    Sockets sockets = find(key);
    if (sockets.empty()) {
      sockets = open_one(address, options);
      by_address_[key].assign(sockets.begin(), sockets.end());
      for (const auto& socket : sockets) {
        if (socket->is_private()) continue;
        log.report(Level::warning,
                   fmt::format("{} can be reached from other machines: whoever connects can forge "
                               "every variable, REMOTE_USER among them; bind to 127.0.0.1 or a "
                               "Unix socket",
                               socket->name()));
      }
    }
    all.insert(all.end(), sockets.begin(), sockets.end());
  }
  for (const std::string& name : passed_->left()) {
    log.report(Level::warning, fmt::format("nobody answers on the socket {} that the service "
                                           "manager has passed: add --socket systemd:{}",
                                           name, name));
  }
  return all;
}

Listeners::Sockets Listeners::find(const std::string& address) const {
  Sockets sockets;
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return sockets;
  for (const auto& socket : found->second) {
    if (auto open = socket.lock()) sockets.push_back(std::move(open));
  }
  return sockets;
}

Listeners::Sockets Listeners::open_one(const net::Address& address,
                                       const net::SocketFileOptions& options) {
  Sockets sockets;
  if (const auto* name = std::get_if<net::PassedName>(&address)) {
    for (net::ListeningSocket& socket : passed_->take(*name)) {
      sockets.push_back(std::make_shared<net::ListeningSocket>(std::move(socket)));
    }
  } else {
    sockets.push_back(
        std::make_shared<net::ListeningSocket>(net::ListeningSocket::open(address, options)));
  }
  return sockets;
}

}  // namespace appd
