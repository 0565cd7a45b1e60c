#pragma once

#include <cstdint>

namespace appd::support {

enum class ForkSide : std::uint8_t { parent, child };

/// Forks twice, and the process between ends at once: so the child is not the caller's, but belongs
/// to whoever takes in orphans among its ancestors (PR_SET_CHILD_SUBREAPER; else process 1). That
/// has happened when this returns, on either side. Throws std::system_error there when there is no
/// child.
ForkSide fork_orphan();

}  // namespace appd::support
