// Sends lists of bytes, and keeps count of what is left of them.

#include "runtime/net/parts.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string_view>

#include "runtime/support/passing_errors.hpp"

namespace appd::net {

void advance(std::span<iovec> parts, std::size_t& first, std::size_t n) noexcept {
  while (n > 0) {
    iovec& part = parts[first];
    const std::size_t taken = std::min(n, part.iov_len);
    part.iov_base = static_cast<char*>(part.iov_base) + taken;
    part.iov_len -= taken;
    n -= taken;
    if (part.iov_len == 0) ++first;
  }
  while (first < parts.size() && parts[first].iov_len == 0) ++first;
}

ssize_t send_some(int socket, std::span<iovec> parts, bool more) noexcept {
  const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
  if (parts.size() == 1) return ::send(socket, parts[0].iov_base, parts[0].iov_len, flags);
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = std::min<std::size_t>(parts.size(), IOV_MAX);
  return ::sendmsg(socket, &message, flags);
}

Sending send_parts(int socket, std::span<iovec> parts, std::size_t& first) noexcept {
  while (first < parts.size()) {
    const ssize_t n = send_some(socket, parts.subspan(first));
    if (n < 0) {
      if (errno == EINTR) continue;
      if (support::has_no_memory(errno)) return Sending::starved;
      return support::would_block(errno) ? Sending::some : Sending::broken;
    }
    advance(parts, first, static_cast<std::size_t>(n));
  }
  return Sending::all;
}

bool write_parts(int file, std::span<const iovec> parts) noexcept {
  for (const iovec& part : parts) {
    std::string_view bytes(static_cast<const char*>(part.iov_base), part.iov_len);
    while (!bytes.empty()) {
      const ssize_t n = ::write(file, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  return true;
}

void OwnBytes::reserve(std::size_t bytes) {
  if (room >= bytes) return;
  data = std::make_unique_for_overwrite<char[]>(bytes);
  room = bytes;
}

}  // namespace appd::net
