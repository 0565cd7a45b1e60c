// Looks up the peer of a socket and compares it with the lists.

#include "runtime/sockets/admission.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace appd::sockets {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> peer_address(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return std::nullopt;
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
    return ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (peer.ss_family != AF_INET6) return std::nullopt;
  ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr, bytes.size());
  const ip::address_v6 v6(bytes);
  if (v6.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, v6);
  return v6;
}

}  // namespace

std::optional<std::string> Admission::refusal_of_address(int socket) const {
  const auto address = peer_address(socket);
  if (!address) return fmt::format("its address is not known: {}", std::strerror(errno));
  const bool admitted = std::any_of(networks.begin(), networks.end(),
                                    [&](const auto& each) { return each.contains(*address); });
  if (admitted) return std::nullopt;
  return fmt::format("{} is not in {}", address->to_string(), networks_by);
}

std::optional<std::string> Admission::refusal_of_user(int socket) const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return fmt::format("its user is not known: {}", std::strerror(errno));
  }
  if (peer.uid == 0 || std::find(users.begin(), users.end(), peer.uid) != users.end()) {
    return std::nullopt;
  }
  return fmt::format("user {} (process {}) is not in --allow-user", peer.uid, peer.pid);
}

}  // namespace appd::sockets
