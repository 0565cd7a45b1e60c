// Opens connections and keeps them silent.

#include "bench/load/idle_connections.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <stdexcept>

namespace appd::load {
namespace {

[[noreturn]] void fail(std::string_view doing, std::string_view why) {
  throw std::runtime_error(fmt::format("an idle connection: {}: {}", doing, why));
}

bool is_open(Socket& socket) {
  char byte{};
  return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

}  // namespace

IdleConnections::IdleConnections(Kind& kind, std::size_t count, std::chrono::milliseconds patience)
    : kind_(kind), patience_(patience) {
  const auto response = make_response(kind.wire, kind.head_only);
  sockets_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Socket& socket = sockets_.emplace_back(loop_);
    boost::system::error_code error;
    connect(socket, kind.endpoint, error);
    if (error) fail("connect", error.message());
    if (keeps_connections(kind.wire)) make_request(socket, *response);
  }
}

void IdleConnections::check() {
  if (!keeps_connections(kind_.wire)) return;
  const auto open = std::count_if(sockets_.begin(), sockets_.end(), is_open);
  if (static_cast<std::size_t>(open) == sockets_.size()) return;
  throw std::runtime_error(
      fmt::format("of {} idle connections {} stayed open", sockets_.size(), open));
}

void IdleConnections::make_request(Socket& socket, Response& response) {
  boost::system::error_code error;
  boost::asio::write(socket, boost::asio::buffer(kind_.request), error);
  if (error) fail("send", error.message());
  response.begin();
  while (!response.ended()) read_some(socket, response);
  const std::string mismatch = kind_.mismatch(response.status(), response.length());
  if (!mismatch.empty()) fail("response", mismatch);
}

void IdleConnections::read_some(Socket& socket, Response& response) {
  pollfd readable{.fd = socket.native_handle(), .events = POLLIN, .revents = 0};
  if (::poll(&readable, 1, static_cast<int>(patience_.count())) != 1) fail("response", "none came");
  std::array<char, 65536> input;
  boost::system::error_code error;
  const std::size_t size = socket.read_some(boost::asio::buffer(input), error);
  if (error) fail("receive", error.message());
  if (!response.take({input.data(), size})) fail("response", response.complaint());
}

}  // namespace appd::load
