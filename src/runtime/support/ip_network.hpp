// An IP address or network, as --allow takes it.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace appd::support {

/// One IP address or a network of them. IPv4-mapped IPv6 addresses (::ffff:192.0.2.1) count as
/// IPv4.
class IpNetwork {
 public:
  /// Reads "192.0.2.1", "10.0.0.0/8", "::1", "fd00::/8". std::nullopt if the text is none of these,
  /// or has bits beyond its prefix, such as 10.0.0.1/8.
  static std::optional<IpNetwork> parse(std::string_view text);

  bool contains(const boost::asio::ip::address& address) const noexcept;
  /// In the form that `parse` reads; a single address has no prefix.
  std::string to_string() const;

  bool operator==(const IpNetwork&) const = default;

 private:
  using Network = std::variant<boost::asio::ip::network_v4, boost::asio::ip::network_v6>;
  explicit IpNetwork(const Network& network) noexcept : network_(network) {}

  Network network_;
};

}  // namespace appd::support
