// Descriptors that go with a message over a Unix socket (SCM_RIGHTS).
#pragma once

#include <sys/socket.h>

#include <span>

#include "runtime/support/unique_fd.hpp"

namespace appd::support {

/// Attaches descriptors, at least one, to a message that will be sent. Its control buffer must be
/// zeroed, aligned as a cmsghdr, and large enough: CMSG_SPACE of their size.
void put_descriptors(msghdr& message, std::span<const int> descriptors) noexcept;

/// Takes the descriptors of a message that was received. `into` gets the first ones, and keeps what
/// it has where the message has none. Descriptors beyond that are closed.
void take_descriptors(msghdr& message, std::span<UniqueFd> into) noexcept;

}  // namespace appd::support
