// Who is at the other end of a connection.
#pragma once

#include <cstdint>

namespace appd::net {

/// Who connects to a listening socket, and so what may come over its connections.
enum class Caller : std::uint8_t {
  front,   ///< a web server that is trusted, over FastCGI, uwsgi or SCGI
  client,  ///< anybody, over HTTP
};

}  // namespace appd::net
