// Who is at the other end of a connection.
#pragma once

#include <cstdint>

namespace appd::net {

/// Who connects to a listening socket, and so what may come over its connections.
enum class Caller : std::uint8_t {
  front,    ///< a web server that is trusted, over FastCGI, uwsgi or SCGI
  client,   ///< anybody, over HTTP
  proxied,  ///< the same, through a proxy that begins with the header of the PROXY protocol
};

}  // namespace appd::net
