// The front's end of a connection, in a test.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "fakes/eventually.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::test {

/// A front's end of a connection. Nothing waits longer than the tests' patience.
class FrontSocket {
 public:
  explicit FrontSocket(support::UniqueFd socket) : socket_(std::move(socket)) {}

  static FrontSocket to_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return connected(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  static FrontSocket to_port(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connected(AF_INET, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }

  int fd() const noexcept { return socket_.get(); }
  void close() { socket_.reset(); }
  void end_sending() { ::shutdown(socket_.get(), SHUT_WR); }
  /// Resets the TCP connection, instead of ending it in order.
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    socket_.reset();
  }

  /// Sends all bytes, without reading meanwhile (as Apache does over uwsgi and SCGI). False if the
  /// other end is gone or takes nothing.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      if (!ready(POLLOUT)) return false;
      if (!send_some(bytes)) return false;
    }
    return true;
  }
  /// Sends what fits at once; returns the number of bytes.
  std::size_t send_what_fits(std::string_view bytes) {
    const std::size_t all = bytes.size();
    std::size_t before = 0;
    do {
      before = bytes.size();
      if (!send_some(bytes)) break;
    } while (!bytes.empty() && bytes.size() != before);
    return all - bytes.size();
  }

  using Enough = std::function<bool(const std::string&)>;
  /// Reads until `enough` says so, the input ends (see `ended`), or patience does.
  std::string receive(const Enough& enough = never) { return exchange({}, enough); }
  /// Sends and reads at the same time.
  std::string exchange(std::string_view bytes, const Enough& enough = never) {
    std::string got;
    while (!ended_ && (!bytes.empty() || !enough(got))) {
      if (!ready(static_cast<short>(POLLIN | (bytes.empty() ? 0 : POLLOUT)))) break;
      if (!bytes.empty() && !send_some(bytes)) bytes = {};
      receive_some(got);
    }
    return got;
  }
  /// True if the other end closed, or reset, the connection.
  bool ended() const noexcept { return ended_; }
  bool was_reset() const noexcept { return reset_; }
  /// Waits for the other end to close. False if it sent something instead, or did nothing.
  bool sees_end() { return receive().empty() && ended_; }
  /// True if there is nothing to read now, not even the end of input.
  bool silent() const {
    pollfd state{socket_.get(), POLLIN, 0};
    return ::poll(&state, 1, 0) == 0;
  }

 private:
  static bool never(const std::string&) { return false; }

  static FrontSocket connected(int domain, const sockaddr* address, socklen_t size) {
    FrontSocket made(support::UniqueFd(::socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    if (::connect(made.fd(), address, size) != 0) made.ended_ = true;
    return made;
  }

  bool ready(short events) const {
    pollfd state{socket_.get(), events, 0};
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience);
    return ::poll(&state, 1, static_cast<int>(limit.count())) > 0;
  }
  bool send_some(std::string_view& bytes) {
    const ssize_t n =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN;
    bytes.remove_prefix(static_cast<std::size_t>(n));
    return true;
  }
  void receive_some(std::string& got) {
    char buffer[65536];
    const ssize_t n = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) ended_ = true;
    if (n < 0) reset_ = true;
    if (n > 0) got.append(buffer, static_cast<std::size_t>(n));
  }

  support::UniqueFd socket_;
  bool ended_ = false;
  bool reset_ = false;
};

}  // namespace appd::test
