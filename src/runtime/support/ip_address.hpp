// An IP address from the text that somebody else wrote.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string_view>

namespace appd::support {

/// The same address, or IPv4 if it is an IPv4-mapped IPv6 address (::ffff:192.0.2.1).
boost::asio::ip::address unmapped(const boost::asio::ip::address& address);

/// The address that `text` is, unmapped. std::nullopt if there is anything else, such as a blank, a
/// bracket, a port, an interface (%eth0) or a leading zero in IPv4. Does not allocate.
std::optional<boost::asio::ip::address> parse_ip_address(std::string_view text);

}  // namespace appd::support
