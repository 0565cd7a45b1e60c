// Upkeep of a generation's workers: recycling, scaling, replacing stuck ones.
#pragma once

#include <optional>
#include <string>

#include "runtime/gateway/reporter.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/supervisor/generation_plan.hpp"
#include "runtime/supervisor/scaling.hpp"
#include "runtime/supervisor/worker_monitor.hpp"
#include "runtime/supervisor/worker_slots.hpp"

namespace appd::supervisor {

/// Decides which workers are wanted while a generation serves: which are due for recycling, whether
/// one more is needed, which is no longer needed. It reports each decision with its reason. The
/// generation gives the orders to the processes.
class Upkeep {
 public:
  /// All are borrowed.
  Upkeep(const GenerationPlan& plan, const ipc::Scoreboard& scoreboard, WorkerSlots& workers,
         gateway::Reporter& reporter) noexcept;

  const WorkerMonitor& monitor() const noexcept { return monitor_; }

  /// Whether the workers are to be looked at now. The next look is due an interval later then.
  bool is_look_due(Clock::time_point now) noexcept;
  /// When they are; std::nullopt if nothing has to be looked at.
  std::optional<Clock::time_point> due() const noexcept;

  /// A look at a worker: it is to be replaced if it is due for recycling (--max-requests and its
  /// like). At most a quarter of the workers is replaced at a time, but one always may be. The
  /// worker goes on until its replacement is ready.
  void recycle_if_due(Slot& worker, Clock::time_point now);
  /// A look at all: the worker that is to end, since one fewer has been enough for long. Null if
  /// all are needed.
  Slot* find_superfluous(Clock::time_point now);

  /// Requests wait in a worker: one more is wanted if that may help.
  void on_overloaded(Clock::time_point now);
  /// A worker drains by itself, and ends when its other requests have. If no slot is free, another
  /// is started in its own, after its end.
  void on_stuck(Slot& worker, const std::string& what, Clock::time_point now);

 private:
  const GenerationPlan& plan_;
  WorkerSlots& workers_;
  gateway::Reporter& reporter_;
  WorkerMonitor monitor_;
  Clock::time_point look_due_{};
  Scaling scaling_;
};

}  // namespace appd::supervisor
