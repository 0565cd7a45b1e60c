#pragma once

#include <optional>

#include "runtime/observe/worker_link.hpp"
#include "runtime/supervisor/child.hpp"

namespace appd::supervisor {

/// A zygote as its master sees it: a child like any other, that forks workers when ordered.
///
/// One order at a time, which the zygote answers: then no order can be lost in a full socket, and
/// no answer needs a name. What comes of an order shows at the worker's own link, by its first
/// message or by its end; so a worker whose zygote died in between is not lost, and none is waited
/// for in vain.
class ZygoteProcess {
 public:
  Child& child() noexcept { return child_; }
  const Child& child() const noexcept { return child_; }

  bool can_fork() const noexcept;
  /// When it can. Throws std::system_error when the order cannot be sent.
  void order_fork(unsigned index, const observe::WorkerLink& worker_end);
  /// Since when an order waits for its answer.
  std::optional<Clock::time_point> ordered_since() const noexcept {
    return ordered_ ? std::optional(ordered_since_) : std::nullopt;
  }
  /// The order was answered: for which place. None: there was no order.
  std::optional<unsigned> on_answer() noexcept;
  /// Nobody will answer any more.
  void on_death() noexcept { ordered_.reset(); }

 private:
  Child child_{"zygote", std::nullopt};  ///< not wanted yet
  std::optional<unsigned> ordered_;
  Clock::time_point ordered_since_{};
};

}  // namespace appd::supervisor
