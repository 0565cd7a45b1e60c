// The master's view of its workers: alive, used and busy.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/supervisor/generation_plan.hpp"
#include "runtime/supervisor/scaling.hpp"
#include "runtime/supervisor/slot.hpp"

namespace appd::supervisor {

/// What the master sees of workers without asking them: whether they have been silent for too long,
/// are due for recycling, or are busy. It only looks; what follows from that is decided elsewhere.
class WorkerMonitor {
 public:
  /// Both are borrowed.
  WorkerMonitor(const GenerationPlan& plan, const ipc::Scoreboard& scoreboard) noexcept;

  /// Whether there is anything to look at.
  bool is_needed() const noexcept;
  /// The time between two looks.
  Clock::duration interval() const noexcept;

  /// Notes what later looks compare with.
  void on_ready(Process& process, unsigned index, Clock::time_point now) const;

  /// Returns true if the worker gives no signs of life of its own. Then it has to be asked, by
  /// another order to retire, which it answers.
  bool is_to_be_asked(const Slot& worker) const noexcept;
  /// For how long the worker has given no sign of life. std::nullopt if that is not too long, or if
  /// it owes none.
  std::optional<Clock::duration> silence(const Slot& worker, Clock::time_point now) const;
  /// Why the serving worker is due for recycling, and how its memory grew. std::nullopt if it
  /// goes on. Measures its memory only every few seconds.
  std::optional<std::string> recycling_reason(Slot& worker, Clock::time_point now) const;
  Occupancy occupancy(std::span<const Slot> workers) const noexcept;

 private:
  bool owes_signs(const Slot& worker) const noexcept;
  Clock::time_point last_sign(const Slot& worker, Clock::time_point now) const noexcept;

  const GenerationPlan& plan_;
  const ipc::Scoreboard& scoreboard_;
};

}  // namespace appd::supervisor
