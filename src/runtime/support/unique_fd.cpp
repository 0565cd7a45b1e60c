#include "runtime/support/unique_fd.hpp"

#include <unistd.h>

namespace appd::support {

void UniqueFd::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  if (old >= 0 && old != fd) ::close(old);
}

}  // namespace appd::support
