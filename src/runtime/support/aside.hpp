// Work that may block for as long as a stranger likes, done in a process of its own.
#pragma once

#include <functional>
#include <vector>

#include "runtime/support/unique_fd.hpp"

namespace appd::support {

// A descriptor inside a Unix socket, or received from one, may be of any kind. Closing its last
// copy can take as long as its owner likes: a TCP socket with SO_LINGER waits for its peer, a FUSE
// file for its server. Leaving no room for descriptors in a receive does not help: the kernel
// closes dropped descriptors in the process that drops the message. A process that must never wait
// closes them in another process.

/// Runs `work` in another process, without waiting for it. The caller must have one thread and must
/// reap all its children at some point. `work` must not throw. Returns false, having done nothing,
/// if no process can be made.
bool run_aside(const std::function<void()>& work) noexcept;

/// Closes sockets that may hold descriptors from elsewhere, in another process. Closes them here if
/// no process can be made.
void close_aside(std::vector<UniqueFd> sockets) noexcept;

/// Makes the kernel refuse descriptors sent to this Unix socket and to sockets accepted from it.
/// Needs Linux 6.16; earlier kernels ignore it.
void refuse_descriptors(int socket) noexcept;

}  // namespace appd::support
