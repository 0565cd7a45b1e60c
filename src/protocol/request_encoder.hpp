// Turns a decoded request back into bytes, to hand it to another worker.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "protocol/decoder.hpp"

namespace appd::protocol {

/// A whole request as a front would send it: the result of a `Decoder`, put together again so that
/// another worker can take it. `keep_connection` and `id` are for FastCGI (an HTTP request has
/// fields that say it). For uwsgi the variables with their lengths must fit 65,535 bytes; all that
/// came over uwsgi do.
std::string encode_request(Wire wire, RequestId id, bool keep_connection,
                           std::span<const gateway::Variable> variables, std::string_view body);

}  // namespace appd::protocol
