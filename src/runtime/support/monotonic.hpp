// Monotonic time as a number that processes can share.
#pragma once

#include <cstdint>

namespace appd::support {

/// Nanoseconds of the clock behind std::chrono::steady_clock. It never steps and is the same in all
/// processes.
std::int64_t monotonic_ns() noexcept;

}  // namespace appd::support
