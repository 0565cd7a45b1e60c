// The master's side of a zygote.
#pragma once

#include <optional>

#include "runtime/ipc/worker_link.hpp"
#include "runtime/supervisor/slot.hpp"

namespace appd::supervisor {

/// A zygote as its master sees it: a child like any other, that forks workers when ordered.
///
/// One order at a time, which the zygote replies to: then no order can be lost in a full socket,
/// and no reply needs a name. What comes of an order shows at the worker's own link, by its first
/// message or by its end; so a worker whose zygote died in between is not lost, and none is waited
/// for in vain.
class ZygoteProcess {
 public:
  Slot& slot() noexcept { return slot_; }
  const Slot& slot() const noexcept { return slot_; }

  bool can_fork() const noexcept;
  /// When it can. Throws std::system_error when the order cannot be sent.
  void order_fork(unsigned index, const ipc::WorkerLink& worker_end);
  /// Since when an order waits for its reply.
  std::optional<Clock::time_point> ordered_since() const noexcept {
    return ordered_ ? std::optional(ordered_since_) : std::nullopt;
  }
  /// The order was answered: for which place. None: there was no order.
  std::optional<unsigned> on_reply() noexcept;
  /// Nobody will answer any more.
  void on_death() noexcept { ordered_.reset(); }

 private:
  Slot slot_{"zygote", std::nullopt};  ///< not wanted yet
  std::optional<unsigned> ordered_;
  Clock::time_point ordered_since_{};
};

}  // namespace appd::supervisor
