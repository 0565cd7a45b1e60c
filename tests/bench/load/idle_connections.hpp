#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <vector>

#include "bench/load/client.hpp"

namespace appd::load {

/// Connections that stay open and silent. Where the wire keeps connections each has made one
/// request.
class IdleConnections {
 public:
  /// Opens `count` of them, one after the other. Throws std::runtime_error when one fails, is
  /// refused or is answered wrongly.
  IdleConnections(Kind& kind, std::size_t count);

  /// Throws std::runtime_error when the server has closed one that its wire keeps.
  void check();

 private:
  void make_request(Socket& socket, Answer& answer);

  Kind& kind_;
  boost::asio::io_context loop_;  // never runs: all is done waiting
  std::vector<Socket> sockets_;
};

}  // namespace appd::load
