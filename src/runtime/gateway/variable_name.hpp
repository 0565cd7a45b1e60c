// What a variable's name decides about it.
#pragma once

#include <cstdint>
#include <string_view>

namespace appd::gateway {

/// What becomes of a variable, by its name alone.
enum class NameUse : std::uint8_t {
  pass,               ///< goes into environ
  drop,               ///< dropped: useless or dangerous to the application
  client_length,      ///< HTTP_CONTENT_LENGTH: dropped, but compared; clients can make it up
  front_length,       ///< APPD_CONTENT_LENGTH: dropped; only the front's operator can send it
  transfer_encoding,  ///< HTTP_TRANSFER_ENCODING: dropped, since the body arrives decoded
  uwsgi_scheme,       ///< UWSGI_SCHEME: dropped like all UWSGI_*, but may decide the scheme
};

NameUse use_of(std::string_view name) noexcept;

/// True for variables made from request headers.
inline bool is_header(std::string_view name) noexcept {
  return name.starts_with("HTTP_");
}

/// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) noexcept;

}  // namespace appd::gateway
