// Where the server under load listens.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <string>

namespace appd::load {

using Endpoint = boost::asio::generic::stream_protocol::endpoint;
using Socket = boost::asio::generic::stream_protocol::socket;

/// A path, or HOST:PORT ([HOST]:PORT for IPv6 numbers). Throws std::exception when there is no such
/// host.
Endpoint resolve(const std::string& address);

/// Connects a closed socket; waits for as long as the server's backlog is full.
void connect(Socket& socket, const Endpoint& endpoint, boost::system::error_code& error);

}  // namespace appd::load
