// A pair of sockets for messages between two processes.
#pragma once

#include <string_view>
#include <utility>

#include "runtime/support/unique_fd.hpp"

namespace appd::support {

/// Two connected Unix sockets (SOCK_SEQPACKET, close-on-exec, non-blocking): what one process sends
/// in one call another one receives in one call, with descriptors beside it. `purpose` is for the
/// error. Throws std::system_error.
std::pair<UniqueFd, UniqueFd> make_seqpacket_pair(std::string_view purpose);

}  // namespace appd::support
