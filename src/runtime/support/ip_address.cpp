// Reads IP addresses strictly.

#include "runtime/support/ip_address.hpp"

#include <netinet/in.h>

#include <array>

namespace appd::support {

namespace ip = boost::asio::ip;

ip::address unmapped(const ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

std::optional<ip::address> parse_ip_address(std::string_view text) {
  // Asio takes the name of an interface too, and stops at a NUL.
  constexpr std::string_view kOfAddresses = "0123456789abcdefABCDEF.:";
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) return std::nullopt;
  if (text.find_first_not_of(kOfAddresses) != std::string_view::npos) return std::nullopt;
  text.copy(terminated.data(), text.size());
  boost::system::error_code error;
  const auto address = ip::make_address(terminated.data(), error);
  return error ? std::nullopt : std::optional(unmapped(address));
}

}  // namespace appd::support
