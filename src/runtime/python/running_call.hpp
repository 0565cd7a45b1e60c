// Identifies a call that another thread runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

namespace appd::python {

/// Stands for a thread that the application has started, where an index of a pool thread is
/// expected.
constexpr unsigned kOtherThread = std::numeric_limits<unsigned>::max();

/// A call that a pool thread was seen in.
struct RunningCall {
  unsigned thread;                           ///< its index in the pool, from 0
  const std::atomic<std::uint32_t>* number;  ///< changes on that thread when the call ends
  std::uint32_t seen;                        ///< its value in the call

  /// Whether the call still runs. Any thread; also in a signal handler.
  bool runs() const noexcept { return number->load(std::memory_order_acquire) == seen; }
};

}  // namespace appd::python
