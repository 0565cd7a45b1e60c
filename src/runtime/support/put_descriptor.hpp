// Attaches a descriptor to a message over a Unix socket.
#pragma once

#include <sys/socket.h>

#include <cstring>

namespace appd::support {

/// Attaches a descriptor to a message that will be sent over a Unix socket (SCM_RIGHTS). The
/// message's control buffer must be zeroed, aligned as a cmsghdr, and of at least
/// CMSG_SPACE(sizeof(int)) bytes.
inline void put_descriptor(msghdr& message, int descriptor) noexcept {
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
}

}  // namespace appd::support
