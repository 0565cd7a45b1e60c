// The host of a URL, as Host and X-Forwarded-Host have it.
#pragma once

#include <optional>
#include <string_view>

namespace appd::gateway {

struct HostAndPort {
  std::string_view host;                 ///< with its brackets, if it has any
  std::optional<std::string_view> port;  ///< what follows the last colon outside brackets
};

/// Splits "host:port". Checks nothing.
HostAndPort split_port(std::string_view text) noexcept;

/// True if `text` is a host and perhaps a port (RFC 3986 section 3.2): a name of at most 253
/// characters, an IPv4 address, or an IPv6 address in brackets. Stricter than the RFC: no commas,
/// which separate the elements of a list; no empty name; no empty port.
bool is_uri_host(std::string_view text) noexcept;

}  // namespace appd::gateway
