// Recycles workers and scales their number, and says why. slot_lifecycle.cpp replaces dead ones.

#include "runtime/supervisor/upkeep.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace appd::supervisor {

using gateway::LogEvent;

Upkeep::Upkeep(const GenerationPlan& plan, const ipc::Scoreboard& scoreboard, WorkerSlots& workers,
               gateway::Reporter& reporter) noexcept
    : plan_(plan),
      workers_(workers),
      reporter_(reporter),
      monitor_(plan, scoreboard),
      scaling_({plan.workers, plan.most_workers, plan.scale_down_idle}) {}

bool Upkeep::is_look_due(Clock::time_point now) noexcept {
  if (!monitor_.is_needed() || now < look_due_) return false;
  look_due_ = now + monitor_.interval();
  return true;
}

std::optional<Clock::time_point> Upkeep::due() const noexcept {
  return monitor_.is_needed() ? std::optional(look_due_) : std::nullopt;
}

void Upkeep::recycle_if_due(Slot& worker, Clock::time_point now) {
  const unsigned most = std::max(workers_.wanted() / 4, 1u);
  if (worker.life.state() != SlotState::ready || !worker.life.wanted() ||
      workers_.being_replaced() >= most)
    return;
  const auto why = monitor_.recycling_reason(worker, now);
  // Without a free slot it goes on, and is looked at again.
  if (!why || !workers_.replace(worker, now)) return;
  reporter_.report(LogEvent::worker_recycled,
                   fmt::format("{} will be replaced: {}", title(worker), *why));
}

Slot* Upkeep::find_superfluous(Clock::time_point now) {
  if (!plan_.scales() || !scaling_.on_look(now, monitor_.occupancy(workers_.all()))) return nullptr;
  // The last one, as the first ones were there before.
  Slot* const last = workers_.last_ready();
  if (!last) return nullptr;
  reporter_.report(LogEvent::scaling_down,
                   fmt::format("stopping {}: one fewer is enough ({} of at least {})", title(*last),
                               workers_.wanted() - 1, plan_.workers));
  return last;
}

void Upkeep::on_overloaded(Clock::time_point now) {
  if (!plan_.can_start_workers()) return;
  if (!scaling_.on_overloaded(now, monitor_.occupancy(workers_.all()))) return;
  workers_.grow(1, now);
  reporter_.report(LogEvent::scaling_up,
                   fmt::format("requests are waiting: starting one more worker ({} of at most {})",
                               workers_.wanted(), plan_.most_workers));
}

void Upkeep::on_stuck(Slot& worker, const std::string& what, Clock::time_point now) {
  reporter_.report(LogEvent::worker_stuck, fmt::format("{} is stuck: {}", title(worker), what));
  if (plan_.can_start_workers() && worker.life.wanted()) workers_.replace_ending(worker, now);
}

}  // namespace appd::supervisor
