#pragma once

#include <span>
#include <string>
#include <string_view>

#include "protocol/decoder.hpp"

namespace appd::protocol {

/// A whole request as a front would send it: what a `Decoder` took apart, put together again, so
/// that another worker can take it. `keep_connection` and `id` are FastCGI's. For uwsgi the
/// variables must fit 65,535 bytes with their lengths, as all that came over uwsgi do.
std::string encode_request(Wire wire, RequestId id, bool keep_connection,
                           std::span<const gateway::Variable> variables, std::string_view body);

}  // namespace appd::protocol
