// When to try again after a log's reader did not take all lines.
#pragma once

#include <chrono>

namespace appd::gateway {

/// The time from a Reporter::flush that leaves lines to the next one.
inline constexpr std::chrono::milliseconds kFlushPause{50};

}  // namespace appd::gateway
