#pragma once

#include <string>
#include <string_view>

#include "protocol/decoder.hpp"

namespace appd::net {

/// A request that appd asks of its own application: GET, by nobody, over a connection that ends
/// with the answer.

/// Its bytes as a front would send them. `target`: path and query, as in a request line.
std::string encode_own_request(protocol::Wire wire, std::string_view target);

/// The status at the beginning of an answer to it; 0: there is none.
unsigned status_of_answer(protocol::Wire wire, std::string_view answer) noexcept;

}  // namespace appd::net
