#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace appd::support {

/// Some IP addresses: one, or a network of them. IPv4 addresses in IPv6's clothes
/// (::ffff:192.0.2.1) are IPv4 addresses.
class IpNetwork {
 public:
  /// Reads "192.0.2.1", "10.0.0.0/8", "::1", "fd00::/8". nullopt: it is none, or has bits beyond
  /// its prefix, as 10.0.0.1/8 has.
  static std::optional<IpNetwork> parse(std::string_view text);

  bool contains(const boost::asio::ip::address& address) const noexcept;
  /// As `parse` reads it; an address without its prefix.
  std::string to_string() const;

  bool operator==(const IpNetwork&) const = default;

 private:
  using Network = std::variant<boost::asio::ip::network_v4, boost::asio::ip::network_v6>;
  explicit IpNetwork(const Network& network) noexcept : network_(network) {}

  Network network_;
};

}  // namespace appd::support
