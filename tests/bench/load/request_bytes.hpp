// The bytes of a request, as a front would send them.
#pragma once

#include <cstddef>
#include <string>

#include "bench/load/wire.hpp"

namespace appd::load {

/// What the client of the front server asked for.
struct RequestShape {
  std::string path = "/bench/path?a=1&b=2";  ///< with its query, if any
  std::string method = "GET";
  std::size_t body = 0;  ///< bytes; 0 if the request has none
};

/// The whole request as it goes over the wire: head, 25 variables as nginx sends them (HTTP: the
/// headers they come from), and body.
std::string make_request(Wire wire, const RequestShape& shape);

}  // namespace appd::load
