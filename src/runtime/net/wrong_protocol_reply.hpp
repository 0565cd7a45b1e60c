// Explains to a front that it speaks the wrong protocol.
#pragma once

#include <optional>
#include <string>

#include "protocol/decoder.hpp"

namespace appd::net {

/// One sentence for log and response: what is wrong with HTTP or TLS bytes on such a socket, and
/// what to write in the front's configuration instead. `pinned` is the socket's only protocol;
/// std::nullopt if it has several.
std::string wrong_protocol_advice(protocol::Sniffed::Kind found,
                                  std::optional<protocol::Wire> pinned);

/// The HTTP/1.1 400 response with that advice as its text.
std::string wrong_protocol_reply(const std::string& advice);

}  // namespace appd::net
