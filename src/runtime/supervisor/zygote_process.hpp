// The master's side of a zygote.
#pragma once

#include <optional>

#include "runtime/ipc/worker_link.hpp"
#include "runtime/supervisor/slot.hpp"

namespace appd::supervisor {

/// A zygote as its master sees it: a child like any other, which forks workers when it is ordered
/// to. How a worker is born is told in worker/zygote.cpp.
///
/// There is one order at a time, and the zygote replies to it. So no order can be lost in a full
/// socket, and no reply needs a name. What comes of an order shows at the worker's own link, by its
/// first message or by its end: no worker is lost if the zygote dies in between, and none is waited
/// for in vain.
class ZygoteProcess {
 public:
  Slot& slot() noexcept { return slot_; }
  const Slot& slot() const noexcept { return slot_; }

  bool can_fork() const noexcept;
  /// To be called only if `can_fork()`. Throws std::system_error if the order cannot be sent.
  void order_fork(unsigned index, const ipc::WorkerLink& worker_end);
  /// Since when an order waits for its reply; std::nullopt if none does.
  std::optional<Clock::time_point> ordered_since() const noexcept {
    return ordered_ ? std::optional(ordered_since_) : std::nullopt;
  }
  /// The zygote has replied. Returns the place that the order was for; std::nullopt if there was
  /// none.
  std::optional<unsigned> on_reply() noexcept;
  /// The zygote has died, and so nobody replies to its order any more.
  void on_death() noexcept { ordered_.reset(); }

 private:
  Slot slot_{"zygote", std::nullopt};  ///< not wanted yet
  std::optional<unsigned> ordered_;
  Clock::time_point ordered_since_{};
};

}  // namespace appd::supervisor
