#pragma once

#include <string>

#include "runtime/gateway/request.hpp"

namespace appd::gateway {

/// A request as lines of the log name it: "GET /path", cut where it is long, and nothing in it can
/// end the line.
std::string request_text(const Request& request);

}  // namespace appd::gateway
