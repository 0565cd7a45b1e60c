// Opens a counter that never blocks, for bells.

#include "runtime/support/event_fd.hpp"

#include <sys/eventfd.h>

#include "runtime/support/throw_errno.hpp"

namespace appd::support {

UniqueFd open_event_fd() {
  UniqueFd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd) throw_errno("eventfd");
  return fd;
}

}  // namespace appd::support
