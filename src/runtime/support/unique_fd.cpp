// Closes descriptors and keeps the account of own descriptors right.

#include "runtime/support/unique_fd.hpp"

#include <unistd.h>

namespace appd::support {

int UniqueFd::release() noexcept {
  disown_descriptor(fd_);
  return std::exchange(fd_, -1);
}

void UniqueFd::reset(int fd) noexcept {
  if (fd == fd_) return;
  own_descriptor(fd);
  close_and_keep(fd);
}

/// The account first: once closed, the number may be someone else's.
void UniqueFd::close_and_keep(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  if (old < 0) return;
  disown_descriptor(old);
  ::close(old);
}

}  // namespace appd::support
