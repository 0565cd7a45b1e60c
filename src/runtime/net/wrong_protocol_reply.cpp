// Composes the advice, and an HTTP response that carries it.

#include "runtime/net/wrong_protocol_reply.hpp"

#include <fmt/format.h>

namespace appd::net {

std::string wrong_protocol_advice(protocol::Sniffed::Kind found,
                                  std::optional<protocol::Wire> pinned) {
  return fmt::format(
      "this socket speaks {}, not {}; in nginx use fastcgi_pass, uwsgi_pass or scgi_pass "
      "instead of proxy_pass, in Apache ProxyPass with fcgi://, uwsgi:// or scgi://",
      pinned ? protocol::name(*pinned) : "FastCGI, uwsgi and SCGI",
      found == protocol::Sniffed::Kind::tls ? "TLS" : "HTTP");
}

std::string wrong_protocol_reply(const std::string& advice) {
  const std::string body = "400 Bad Request\n" + advice + "\n";
  return fmt::format(
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      body.size(), body);
}

}  // namespace appd::net
