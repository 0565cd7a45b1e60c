// The addresses of a connected socket.
#pragma once

#include "protocol/http_decoder.hpp"

namespace appd::net {

/// The two ends of a connected socket, as HttpEnds tells them. A Unix socket has no client's
/// address; its own is "localhost". IPv4-mapped addresses are shown as IPv4.
protocol::HttpEnds ends_of(int socket);

}  // namespace appd::net
