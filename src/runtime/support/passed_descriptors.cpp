// Writes and reads the ancillary data that carries descriptors.

#include "runtime/support/passed_descriptors.hpp"

#include <cstddef>
#include <cstring>
#include <utility>

namespace appd::support {

void put_descriptors(msghdr& message, std::span<const int> descriptors) noexcept {
  message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
}

void take_descriptors(msghdr& message, std::span<UniqueFd> into) noexcept {
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return;
  const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
    UniqueFd taken(fd);
    if (i < into.size()) into[i] = std::move(taken);
  }
}

}  // namespace appd::support
