// Monotonic time as a number that processes can share.
#pragma once

#include <cstdint>

namespace appd::support {

/// Nanoseconds of the clock behind std::chrono::steady_clock. It never steps and is the same in all
/// processes.
std::int64_t monotonic_ns() noexcept;

/// The same clock as of the kernel's last tick: up to 10 ms behind, but several times cheaper. Use
/// it for time-outs and averages, not for the duration of a single call.
std::int64_t coarse_monotonic_ns() noexcept;

}  // namespace appd::support
