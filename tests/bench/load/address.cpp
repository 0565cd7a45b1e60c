// Resolves the address of the server under load, and connects to it.

#include "bench/load/address.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

namespace appd::load {

namespace asio = boost::asio;
using asio::ip::tcp;

Endpoint resolve(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || address.find('/') != std::string::npos) {
    return asio::local::stream_protocol::endpoint(address);
  }
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  asio::io_context loop;
  tcp::resolver resolver(loop);
  return resolver.resolve(host, address.substr(colon + 1)).begin()->endpoint();
}

void connect(Socket& socket, const Endpoint& endpoint, boost::system::error_code& error) {
  socket.connect(endpoint, error);
  if (error || endpoint.protocol().family() == AF_UNIX) return;
  socket.set_option(tcp::no_delay(true), error);
}

}  // namespace appd::load
