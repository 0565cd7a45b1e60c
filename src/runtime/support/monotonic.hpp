#pragma once

#include <cstdint>

namespace appd::support {

/// Nanoseconds of the clock behind std::chrono::steady_clock: never steps, the same in all
/// processes.
std::int64_t monotonic_ns() noexcept;

/// The same clock as of the kernel's last tick: up to 10 ms behind, but a few times cheaper. For
/// time-outs and averages, not for durations of single calls.
std::int64_t coarse_monotonic_ns() noexcept;

}  // namespace appd::support
