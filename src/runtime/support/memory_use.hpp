// How much memory a process uses, for --max-memory and `appd status`.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace appd::support {

/// Bytes of memory that a process accounts for, with shared pages in proportion
/// (/proc/PID/smaps_rollup). std::nullopt if unknown: the process has ended or belongs to another
/// user. Costs the kernel a walk over its pages.
std::optional<std::uint64_t> proportional_set_size(pid_t pid);

}  // namespace appd::support
