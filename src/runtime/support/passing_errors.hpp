// Errors of system calls that go away by themselves.
#pragma once

#include <cerrno>

namespace appd::support {

/// A descriptor that does not block has nothing to read, or no room.
inline bool would_block(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK;
}

/// The kernel has no memory for a socket's or a pipe's data now.
inline bool has_no_memory(int error) noexcept {
  return error == ENOBUFS || error == ENOMEM;
}

}  // namespace appd::support
