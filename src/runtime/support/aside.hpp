#pragma once

#include <functional>
#include <vector>

#include "runtime/support/unique_fd.hpp"

namespace appd::support {

// Descriptors that lie in a Unix socket, or come out of one, may be anybody's. To close the last
// copy of one can take as long as its owner likes: a TCP socket with SO_LINGER waits for its peer,
// a file of FUSE for its server. The kernel closes what is dropped with a message in whoever drops
// it, so that it does not help to leave no room for it. Who must never wait has it done aside.

/// Runs `work` in a process of its own, without waiting for it; the caller must have one thread and
/// wait for all its children some time. `work` must not throw. False: there can be no process now,
/// and nothing was done.
bool run_aside(const std::function<void()>& work) noexcept;

/// Closes sockets of this process that may hold descriptors of others, in a process of its own.
/// (Here, when there can be none.)
void close_aside(std::vector<UniqueFd> sockets) noexcept;

/// From now on the kernel refuses descriptors that are sent to this Unix socket, and to those that
/// are accepted from it. Linux 6.16 and later; nothing changes before.
void refuse_descriptors(int socket) noexcept;

}  // namespace appd::support
