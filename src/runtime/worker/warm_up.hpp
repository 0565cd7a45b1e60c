#pragma once

#include <functional>
#include <span>
#include <string>

#include "runtime/net/own_request.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::worker {

/// Gives a connection to the server; any thread.
using Connect = std::function<void(support::UniqueFd socket)>;

/// Asks the application for each of `targets` (--warmup), one after the other, over connections of
/// our own, and waits for the answers. Throws std::runtime_error that names the first one whose
/// status is 500 or more. Not on a thread that the server needs.
void warm_up(std::span<const std::string> targets, protocol::Wire wire, const Connect& connect);

}  // namespace appd::worker
