// How log lines name a request.
#pragma once

#include <string>

#include "runtime/gateway/request.hpp"

namespace appd::gateway {

/// A request as log lines name it: "GET /path", shortened if it is long. Contains nothing that
/// could end the line.
std::string request_text(const Request& request);

}  // namespace appd::gateway
