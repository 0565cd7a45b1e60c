// Counts and chooses among the slots of a generation.

#include "runtime/supervisor/worker_slots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace appd::supervisor {
namespace {

bool ends(const Slot& worker) noexcept {
  return worker.process && !worker.life.wanted();
}

template <typename Condition>
unsigned count_if(const std::vector<Slot>& slots, Condition condition) noexcept {
  return static_cast<unsigned>(std::count_if(slots.begin(), slots.end(), condition));
}

}  // namespace

bool goes_on(const Slot& worker) noexcept {
  return worker.life.wanted() || worker.life.state() == SlotState::ready;
}

WorkerSlots::WorkerSlots(unsigned places) {
  for (unsigned index = 0; index < places; ++index) {
    slots_.push_back({fmt::format("worker {}", index + 1), index});
  }
}

unsigned WorkerSlots::wanted() const noexcept {
  return count_if(slots_, [](const Slot& worker) { return worker.life.wanted(); });
}

unsigned WorkerSlots::ready() const noexcept {
  return count_if(slots_,
                  [](const Slot& worker) { return worker.life.state() == SlotState::ready; });
}

unsigned WorkerSlots::going_on() const noexcept {
  return count_if(slots_, goes_on);
}

unsigned WorkerSlots::being_replaced() const noexcept {
  return count_if(slots_, [](const Slot& worker) { return worker.replaces.has_value(); });
}

bool WorkerSlots::any_accepting() const noexcept {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& worker) {
    return worker.process && worker.process->accepting;
  });
}

bool WorkerSlots::any_ending(Clock::time_point now, std::chrono::nanoseconds grace) const noexcept {
  return ending_due(now, grace).has_value();
}

std::optional<Clock::time_point> WorkerSlots::ending_due(
    Clock::time_point now, std::chrono::nanoseconds grace) const noexcept {
  std::optional<Clock::time_point> first;
  for (const Slot& worker : slots_) {
    const Clock::time_point due = worker.retired_at + grace;
    if (ends(worker) && now < due && (!first || due < *first)) first = due;
  }
  return first;
}

void WorkerSlots::grow(unsigned workers, Clock::time_point now) {
  for (const bool free : {true, false}) {
    for (Slot& worker : slots_) {
      if (workers == 0) return;
      if (worker.life.wanted() || (free && worker.process)) continue;
      worker.life.want(now);
      --workers;
    }
  }
}

Slot* WorkerSlots::last_ready() noexcept {
  const auto found = std::find_if(slots_.rbegin(), slots_.rend(), [](const Slot& worker) {
    return worker.life.wanted() && worker.life.state() == SlotState::ready;
  });
  return found == slots_.rend() ? nullptr : &*found;
}

bool WorkerSlots::replace(Slot& worker, Clock::time_point now) {
  Slot* const other = replace_ending(worker, now);
  if (other) other->replaces = worker.index;
  return other != nullptr;
}

Slot* WorkerSlots::replace_ending(Slot& worker, Clock::time_point now) {
  Slot* const other = find_free();
  if (!other) return nullptr;
  worker.life.release();
  other->life.want(now);
  return other;
}

Slot* WorkerSlots::take_replaced_by(Slot& replacement) {
  if (!replacement.replaces) return nullptr;
  Slot& worker = slots_.at(*std::exchange(replacement.replaces, std::nullopt));
  return ends(worker) ? &worker : nullptr;
}

void WorkerSlots::forget_replacement_of(unsigned index) noexcept {
  for (Slot& other : slots_) {
    if (other.replaces == index) other.replaces.reset();
  }
}

Slot* WorkerSlots::find_free() noexcept {
  const auto free = std::find_if(slots_.begin(), slots_.end(), [](const Slot& worker) {
    return !worker.life.wanted() && !worker.process;
  });
  return free == slots_.end() ? nullptr : &*free;
}

}  // namespace appd::supervisor
