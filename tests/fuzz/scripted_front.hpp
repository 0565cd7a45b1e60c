// The front of a connection whose life is a script: it does one thing at a time, and never waits.
#pragma once

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>

#include "runtime/support/unique_fd.hpp"

namespace appd::fuzz {

class ScriptedFront {
 public:
  ScriptedFront() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
      std::abort();
    }
    for (const int end : ends) {
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSocketRoom, sizeof kSocketRoom);
    }
    socket_.reset(ends[0]);
    other_end_.reset(ends[1]);
  }

  /// The server's end of the connection.
  support::UniqueFd take_other_end() noexcept { return std::move(other_end_); }

  /// Each sends when there is room for it, as fronts do.
  void send(const std::string& bytes) {
    if (sending_over_ || !socket_) return;
    if (unsent_.size() < 1 << 20) unsent_ += bytes;
    push();
  }
  /// Sends what had no room before.
  void push() {
    while (socket_ && !unsent_.empty()) {
      const ssize_t n = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (n <= 0) {
        if (n < 0 && errno != EAGAIN) unsent_.clear();
        return;
      }
      unsent_.erase(0, static_cast<std::size_t>(n));
      moved_ += static_cast<std::size_t>(n);
    }
  }
  void receive(std::size_t most) {
    std::array<char, 65536> buffer;
    while (socket_ && most > 0) {
      const ssize_t n = ::recv(socket_.get(), buffer.data(), std::min(most, buffer.size()), 0);
      if (n <= 0) return;
      most -= static_cast<std::size_t>(n);
      moved_ += static_cast<std::size_t>(n);
    }
  }
  void end_sending() {
    ::shutdown(socket_.get(), SHUT_WR);
    sending_over_ = true;
    unsent_.clear();
  }
  void leave() {
    socket_.reset();
    unsent_.clear();
  }

  bool there() const noexcept { return static_cast<bool>(socket_); }
  bool has_unsent() const noexcept { return !unsent_.empty(); }
  /// Bytes that were sent or received.
  std::size_t moved() const noexcept { return moved_; }
  /// What the server has not read yet, and what the front has not.
  std::size_t unread_input() const { return in_socket(SIOCOUTQ); }
  std::size_t unread_output() const { return in_socket(FIONREAD); }

 private:
  static constexpr int kSocketRoom = 16 * 1024;

  std::size_t in_socket(unsigned long what) const {
    int size = 0;
    if (socket_) ::ioctl(socket_.get(), what, &size);
    return static_cast<std::size_t>(size);
  }

  support::UniqueFd socket_;
  support::UniqueFd other_end_;
  std::string unsent_;  ///< its socket is full
  bool sending_over_ = false;
  std::size_t moved_ = 0;
};

}  // namespace appd::fuzz
