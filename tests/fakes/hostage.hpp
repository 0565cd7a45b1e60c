// A socket that takes long to close, to put into messages.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <stdexcept>

#include "runtime/support/passed_descriptors.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::test {

/// A TCP socket whose close takes as long as `kLinger`: it has sent bytes that nobody takes.
class Hostage {
 public:
  static constexpr std::chrono::seconds kLinger{30};

  Hostage() {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 1) != 0 ||
        ::getsockname(listener_.get(), generic, &size) != 0 ||
        ::connect(socket_.get(), generic, size) != 0) {
      throw std::runtime_error("no TCP");
    }
    const linger wait{1, static_cast<int>(kLinger.count())};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof wait);
    static constexpr std::array<char, 65536> kBytes{};
    while (::send(socket_.get(), kBytes.data(), kBytes.size(), MSG_DONTWAIT) > 0) {
    }
  }

  /// Sends the socket with these bytes; no other copy of it is left then. False if refused.
  bool send_along(int unix_socket, const void* bytes, std::size_t size) {
    iovec part{const_cast<void*>(bytes), size};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    const int descriptor = socket_.get();
    support::put_descriptors(message, std::span(&descriptor, 1));
    const bool sent = ::sendmsg(unix_socket, &message, MSG_NOSIGNAL) >= 0;
    if (!sent) release();
    socket_.reset();
    return sent;
  }
  /// From now on its close takes no time.
  void release() {
    const linger none{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
  }

 private:
  support::UniqueFd listener_;
  support::UniqueFd socket_;
};

/// How long a call takes.
template <typename Call>
std::chrono::steady_clock::duration time_of(Call call) {
  const auto before = std::chrono::steady_clock::now();
  call();
  return std::chrono::steady_clock::now() - before;
}

}  // namespace appd::test
