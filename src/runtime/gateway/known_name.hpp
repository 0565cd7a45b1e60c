// The CGI variables that appd itself reads or adds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/gateway/name_index.hpp"

namespace appd::gateway {

/// The variables that the server itself reads or adds.
enum class KnownName : std::uint8_t {
  auth_type,
  content_length,
  content_type,
  document_uri,
  http_host,
  http_x_forwarded_proto,
  https,
  path_info,
  query_string,
  remote_addr,
  remote_port,
  remote_user,
  request_method,
  request_scheme,
  request_uri,
  scgi,
  script_name,
  server_name,
  server_port,
  server_protocol,
  server_software,
  none,
};
inline constexpr auto kKnownNames = static_cast<std::size_t>(KnownName::none);

/// The variable's name, such as "AUTH_TYPE"; not for `none`.
std::string_view text_of(KnownName name) noexcept;

/// The known variable of this name, or `none`.
KnownName known_name(const HashedName& name) noexcept;

}  // namespace appd::gateway
