// How log lines name a request.
#pragma once

#include <string>
#include <string_view>

#include "runtime/gateway/request.hpp"

namespace appd::gateway {

/// A request as log lines name it: "GET /path", shortened if it is long. Contains nothing that
/// could end the line.
std::string request_text(const Request& request);

/// What log lines say of a request: "GET /path: what". `what` may have several lines.
std::string message_about(const Request& request, std::string_view what);

}  // namespace appd::gateway
