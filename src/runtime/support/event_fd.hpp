// A descriptor that one thread rings and another waits for.
#pragma once

#include "runtime/support/unique_fd.hpp"

namespace appd::support {

/// An eventfd (eventfd(2)) of 0 that never blocks. Throws std::system_error.
UniqueFd open_event_fd();

}  // namespace appd::support
