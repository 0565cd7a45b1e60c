// Requests of appd to its own application, for --warmup.
#pragma once

#include <string>
#include <string_view>

#include "protocol/decoder.hpp"

namespace appd::net {

/// A request that appd sends to its own application: GET, without a user, over a connection that
/// ends with the response.
struct InternalRequest {
  std::string_view target;              ///< path and query, as in a request line
  std::string_view host = "localhost";  ///< with its port, unless that is the scheme's own
  bool https = false;
};

/// The head of the response, as far as appd looks at it.
struct InternalResponse {
  unsigned status = 0;   ///< 0 if there is none
  std::string location;  ///< "" if there is none
};

/// The request's bytes as a front would send them.
std::string encode_internal_request(protocol::Wire wire, const InternalRequest& request);

/// `response` is the whole response or, at least, its whole head.
InternalResponse read_internal_response(protocol::Wire wire, std::string_view response);

}  // namespace appd::net
