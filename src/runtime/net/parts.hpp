// Lists of bytes on their way to a socket.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace appd::net {

/// How far sending has come.
enum class Sending : std::uint8_t {
  all,
  some,        ///< the socket has no room for more now
  starved,     ///< the kernel has no memory now, and does not tell when it has
  broken,      ///< the front is gone
  short_file,  ///< a file ended, or could not be read, before its announced length
};

inline std::size_t size_of(std::span<const iovec> parts) noexcept {
  std::size_t size = 0;
  for (const iovec& part : parts) size += part.iov_len;
  return size;
}

inline void copy(std::span<const iovec> parts, char* to) noexcept {
  for (const iovec& part : parts) {
    if (part.iov_len > 0) std::memcpy(to, part.iov_base, part.iov_len);
    to += part.iov_len;
  }
}

/// Takes `n` sent bytes off the parts from `first` on.
void advance(std::span<iovec> parts, std::size_t& first, std::size_t n) noexcept;

/// One non-blocking call. Returns what send(2) returns. With `more`, TCP may wait for the next call
/// before it sends a packet that is not full (MSG_MORE).
ssize_t send_some(int socket, std::span<iovec> parts, bool more = false) noexcept;
/// Sends the parts from `first` on until all are sent or the socket takes no more.
Sending send_parts(int socket, std::span<iovec> parts, std::size_t& first) noexcept;
/// Writes all parts to a file. Returns false if it cannot; errno says why.
bool write_parts(int file, std::span<const iovec> parts) noexcept;

/// Bytes in memory of their own, which is not cleared first, as a vector's would be.
struct OwnBytes {
  std::unique_ptr<char[]> data;
  std::size_t room = 0;
  std::size_t size = 0;

  /// Only while empty.
  void reserve(std::size_t bytes);
  /// There must be room.
  void append(std::span<const iovec> parts) noexcept {
    copy(parts, data.get() + size);
    size += size_of(parts);
  }
  bool empty() const noexcept { return size == 0; }
  iovec part() const noexcept { return {data.get(), size}; }
};

}  // namespace appd::net
