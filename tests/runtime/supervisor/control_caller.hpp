// Callers of a control socket, and what it has received of them.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/memory_reporter.hpp"
#include "runtime/supervisor/control_protocol.hpp"
#include "runtime/supervisor/control_socket.hpp"
#include "runtime/support/unique_fd.hpp"
#include "runtime/support/unix_address.hpp"

namespace appd::supervisor {

/// A program that asks.
class CallerEnd {
 public:
  explicit CallerEnd(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    const support::UnixAddress address = control_address(path);
    connected = ::connect(socket_.get(), address.get(), address.size) == 0;
  }
  void ask(std::string_view word) const {
    REQUIRE(::send(socket_.get(), word.data(), word.size(), MSG_NOSIGNAL) >= 0);
  }
  /// The next message, which must be there; none at the end of the connection.
  std::optional<ControlMessage> hear() const {
    std::vector<char> buffer(2 * kMostControlText);
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    REQUIRE_MESSAGE(got >= 0, "nothing was said");
    if (got == 0) return std::nullopt;
    return ControlMessage{static_cast<ControlMessage::Kind>(buffer[0]),
                          std::string(buffer.data() + 1, static_cast<std::size_t>(got) - 1)};
  }
  bool hears_end() const { return !hear(); }
  void wait_end() const {
    char byte = 0;
    while (::recv(socket_.get(), &byte, sizeof byte, 0) > 0) {
    }
  }
  bool silent() const {
    pollfd state{socket_.get(), POLLIN, 0};
    return ::poll(&state, 1, 0) == 0;
  }
  void leave() { socket_.reset(); }

  bool connected = false;

 private:
  support::UniqueFd socket_;
};

inline const Clock::time_point kNow{std::chrono::hours(1)};

inline std::vector<ControlSocket::Request> receive(ControlSocket& control,
                                                   Clock::time_point now = kNow) {
  fakes::MemoryReporter reporter;
  return control.receive(now, reporter);
}

/// What has been asked: a call for those that have connected, one for what they say.
inline std::vector<ControlSocket::Request> received(ControlSocket& control) {
  std::vector<ControlSocket::Request> all = receive(control);
  const std::vector<ControlSocket::Request> more = receive(control);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// The one thing that has been asked.
inline ControlSocket::Request only_request(ControlSocket& control) {
  const std::vector<ControlSocket::Request> all = received(control);
  REQUIRE(all.size() == 1);
  return all.front();
}

}  // namespace appd::supervisor
