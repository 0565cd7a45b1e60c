// Counts bridge objects, so that leaks show.
#pragma once

#include <atomic>
#include <cstddef>

#include "runtime/python/live_objects.hpp"

namespace appd::python {

/// Counts the bridge's objects that the application can have. Outlives all of them; any thread.
struct LiveCounters {
  std::atomic<std::size_t> inputs{0};      // kept beyond their calls
  std::atomic<std::size_t> responders{0};  // kept beyond their calls
  std::atomic<std::size_t> file_wrappers{0};
  std::atomic<std::size_t> kept_bodies{0};

  LiveObjects snapshot() const noexcept {
    return {inputs.load(), responders.load(), file_wrappers.load(), kept_bodies.load()};
  }
};

/// A member of each counted object.
class Counted {
 public:
  explicit Counted(std::atomic<std::size_t>& counter) noexcept : counter_(&counter) {
    counter_->fetch_add(1, std::memory_order_relaxed);
  }
  ~Counted() { counter_->fetch_sub(1, std::memory_order_relaxed); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<std::size_t>* counter_;
};

}  // namespace appd::python
