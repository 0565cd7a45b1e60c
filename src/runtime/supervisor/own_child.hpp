// Checks that a process id still means our child.
#pragma once

#include <sys/types.h>

namespace appd::supervisor {

/// Whether this is a child of this process that has not been waited for yet. Until then no other
/// process can have its number.
bool is_own_child(pid_t pid) noexcept;

/// kill(2) for a child of this process. Does nothing to any other process.
void signal_child(pid_t pid, int signal) noexcept;

}  // namespace appd::supervisor
