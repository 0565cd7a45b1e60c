#pragma once

#include <string_view>

namespace appd::net {

/// The reason phrase of the statuses that the server itself answers with (RFC 9110, RFC 6585).
constexpr std::string_view status_text(unsigned status) noexcept {
  switch (status) {
    case 400:
      return "Bad Request";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Internal Server Error";
  }
}

}  // namespace appd::net
