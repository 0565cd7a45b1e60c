// The addresses of Unix sockets as system calls take them.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <optional>
#include <string_view>

namespace appd::support {

/// The longest path or abstract name of a Unix socket, in bytes.
inline constexpr std::size_t kMostUnixName = sizeof(sockaddr_un::sun_path) - 1;

struct UnixAddress {
  sockaddr_un address{};
  socklen_t size = 0;

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&address); }
};

/// Of a socket with a file. std::nullopt if the path is too long.
std::optional<UnixAddress> path_address(std::string_view path) noexcept;
/// Of a socket in the abstract namespace (unix(7)). std::nullopt if the name is too long.
std::optional<UnixAddress> abstract_address(std::string_view name) noexcept;

}  // namespace appd::support
