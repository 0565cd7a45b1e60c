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

/// What their master sees of workers: whether they live, how much they have been used and how busy.
/// It sees, and decides nothing.
class WorkerMonitor {
 public:
  /// Both are borrowed.
  WorkerMonitor(const GenerationPlan& plan, const ipc::Scoreboard& scoreboard) noexcept;

  /// Something is to be looked at, now and then.
  bool is_needed() const noexcept;
  /// How often.
  Clock::duration interval() const noexcept;

  /// Takes down what is to be compared with later.
  void on_ready(Process& process, unsigned index, Clock::time_point now) const;

  /// The worker shows nothing by itself: it is to be asked, by another order to retire, which it
  /// answers.
  bool is_to_be_asked(const Slot& worker) const noexcept;
  /// For how long the worker has given no sign of life; none: not for longer than it may, or it
  /// owes none.
  std::optional<Clock::duration> silence(const Slot& worker, Clock::time_point now) const;
  /// Why the worker, which serves, has been used enough, and what that has cost; none: it goes on.
  /// Looks at its memory only once in a while.
  std::optional<std::string> recycling_reason(Slot& worker, Clock::time_point now) const;
  Occupancy occupancy(std::span<const Slot> workers) const noexcept;

 private:
  bool owes_signs(const Slot& worker) const noexcept;
  Clock::time_point last_sign(const Slot& worker, Clock::time_point now) const noexcept;

  const GenerationPlan& plan_;
  const ipc::Scoreboard& scoreboard_;
};

}  // namespace appd::supervisor
