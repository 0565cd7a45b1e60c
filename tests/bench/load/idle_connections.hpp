// Connections that only wait, to measure what they cost.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <vector>

#include "bench/load/client.hpp"

namespace appd::load {

/// Connections that stay open and silent. Where the wire keeps connections each has made one
/// request.
class IdleConnections {
 public:
  /// Opens `count` of them, one after the other. Throws std::runtime_error when one fails, is
  /// answered wrongly, or not within `patience`.
  IdleConnections(Kind& kind, std::size_t count, std::chrono::milliseconds patience);

  /// Throws std::runtime_error when the server has closed one that its wire keeps.
  void check();

 private:
  void make_request(Socket& socket, Response& response);
  void read_some(Socket& socket, Response& response);

  Kind& kind_;
  const std::chrono::milliseconds patience_;
  boost::asio::io_context loop_;  // never runs: all is done waiting
  std::vector<Socket> sockets_;
};

}  // namespace appd::load
