// Parses and compares IPv4 and IPv6 networks.

#include "runtime/support/ip_network.hpp"

#include <cstdint>

namespace appd::support {
namespace {

namespace ip = boost::asio::ip;

constexpr unsigned short kMappedPrefix = 96;  // of ::ffff:0:0/96, RFC 4291 section 2.5.5.2

/// std::nullopt if bits beyond the prefix are set.
template <typename Network>
std::optional<Network> exact(const Network& network) {
  if (network.canonical() != network) return std::nullopt;
  return network;
}

bool same_network(const auto& network, const auto& address) {
  using Network = std::decay_t<decltype(network)>;
  return Network(address, network.prefix_length()).canonical() == network;
}

}  // namespace

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  // Link-local, with the name of an interface.
  if (text.find('%') != std::string_view::npos) return std::nullopt;
  const bool is_v6 = text.find(':') != std::string_view::npos;
  std::string whole(text);
  if (text.find('/') == std::string_view::npos) whole += is_v6 ? "/128" : "/32";
  boost::system::error_code error;
  if (!is_v6) {
    const auto network = ip::make_network_v4(whole, error);
    const auto found = error ? std::nullopt : exact(network);
    return found ? std::optional(IpNetwork(*found)) : std::nullopt;
  }
  const auto network = ip::make_network_v6(whole, error);
  const auto found = error ? std::nullopt : exact(network);
  if (!found) return std::nullopt;
  if (found->address().is_v4_mapped() && found->prefix_length() >= kMappedPrefix) {
    return IpNetwork(
        ip::network_v4(ip::make_address_v4(ip::v4_mapped, found->address()),
                       static_cast<unsigned short>(found->prefix_length() - kMappedPrefix)));
  }
  return IpNetwork(*found);
}

bool IpNetwork::contains(const ip::address& address) const noexcept {
  const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  if (const auto* v4 = std::get_if<ip::network_v4>(&network_)) {
    if (mapped) return same_network(*v4, ip::make_address_v4(ip::v4_mapped, address.to_v6()));
    return address.is_v4() && same_network(*v4, address.to_v4());
  }
  // To a link-local address the kernel adds the interface.
  return address.is_v6() && !mapped &&
         same_network(std::get<ip::network_v6>(network_),
                      ip::address_v6(address.to_v6().to_bytes()));
}

std::string IpNetwork::to_string() const {
  return std::visit(
      [](const auto& network) {
        return network.is_host() ? network.address().to_string() : network.to_string();
      },
      network_);
}

}  // namespace appd::support
