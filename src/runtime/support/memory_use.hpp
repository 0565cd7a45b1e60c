#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace appd::support {

/// Bytes of memory that a process accounts for: what it shares counts in proportion
/// (/proc/PID/smaps_rollup). None: not known, as of a process that has ended, or is somebody
/// else's. Costs the kernel a walk over its pages.
std::optional<std::uint64_t> proportional_set_size(pid_t pid);

}  // namespace appd::support
