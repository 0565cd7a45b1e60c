// Both ends of a connection in one process, without a server.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>

#include "runtime/support/unique_fd.hpp"

namespace appd::test {

/// A front's end and the server's end of a connection.
struct Wired {
  Wired() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    front.reset(ends[0]);
    server.reset(ends[1]);
  }
  support::UniqueFd front;
  support::UniqueFd server;
};

/// What a front receives of `said`, sent at the other end.
inline std::string heard(const support::UniqueFd& front, const support::UniqueFd& socket,
                         std::string_view said) {
  REQUIRE(::send(socket.get(), said.data(), said.size(), MSG_NOSIGNAL) > 0);
  std::array<char, 100> buffer{};
  const ssize_t n = ::recv(front.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
}

inline std::size_t open_descriptors() {
  namespace fs = std::filesystem;
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

}  // namespace appd::test
