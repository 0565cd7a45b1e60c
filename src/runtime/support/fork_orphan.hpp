// A fork whose child is not the caller's child.
#pragma once

#include <cstdint>

namespace appd::support {

enum class ForkSide : std::uint8_t { parent, child };

/// Forks twice, and the middle process ends at once. The new process therefore belongs to the
/// nearest ancestor that takes in orphans (PR_SET_CHILD_SUBREAPER), or to process 1. When this
/// returns, in either process, that has happened. Throws std::system_error in the parent if no
/// child could be made.
ForkSide fork_orphan();

}  // namespace appd::support
