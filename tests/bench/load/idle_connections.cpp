#include "bench/load/idle_connections.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>

namespace appd::load {
namespace {

constexpr timeval kSilence{30, 0};
/// Descriptors for all else: the active connections, the loop, files read in /proc.
constexpr rlim_t kOtherDescriptors = 4096;

void allow_descriptors(std::size_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t needed = count + kOtherDescriptors;
  if (limit.rlim_cur >= needed) return;
  limit.rlim_cur = needed;
  limit.rlim_max = std::max(limit.rlim_max, needed);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    throw std::runtime_error(
        fmt::format("{} idle connections need a limit of {} open files "
                    "(ulimit -n)",
                    count, needed));
  }
}

}  // namespace

IdleConnections::IdleConnections(Kind& kind, std::size_t count) : kind_(kind) {
  if (count > 0) allow_descriptors(count);
  const auto answer = make_answer(kind.wire, kind.head_only);
  sockets_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Socket& socket = sockets_.emplace_back(loop_);
    boost::system::error_code error;
    connect(socket, kind.endpoint, error);
    if (error) throw std::runtime_error("an idle connection: connect: " + error.message());
    if (keeps_connections(kind.wire)) make_request(socket, *answer);
  }
}

void IdleConnections::check() {
  if (!keeps_connections(kind_.wire)) return;
  std::size_t closed = 0;
  for (Socket& socket : sockets_) {
    char byte{};
    // Nothing to read is what an open, silent connection has.
    closed += ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
  }
  if (closed > 0) {
    throw std::runtime_error(
        fmt::format("{} of {} idle connections did not stay open", closed, sockets_.size()));
  }
}

void IdleConnections::make_request(Socket& socket, Answer& answer) {
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &kSilence, sizeof kSilence);
  boost::asio::write(socket, boost::asio::buffer(kind_.request));
  answer.begin();
  std::array<char, 65536> input;
  while (!answer.ended()) {
    boost::system::error_code error;
    const std::size_t size = socket.read_some(boost::asio::buffer(input), error);
    const bool right = !error && answer.take({input.data(), size});
    if (!right) {
      throw std::runtime_error(fmt::format("an idle connection's answer: {}",
                                           error ? error.message() : answer.complaint()));
    }
  }
  const std::string mismatch = kind_.mismatch(answer.status(), answer.length());
  if (!mismatch.empty()) throw std::runtime_error("an idle connection's answer: " + mismatch);
}

}  // namespace appd::load
