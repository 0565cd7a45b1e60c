#include "runtime/supervisor/worker_slot.hpp"

#include <algorithm>
#include <cassert>

namespace appd::supervisor {

std::optional<Clock::time_point> WorkerSlot::due(bool can_start) const noexcept {
  if (state_ == SlotState::draining) return due_;
  if (state_ == SlotState::waiting && can_start) return due_;
  return std::nullopt;
}

SlotAction WorkerSlot::on_tick(Clock::time_point now, bool can_start) noexcept {
  if (!due(can_start) || now < due_) return SlotAction::none;
  return state_ == SlotState::waiting ? SlotAction::start : kill();
}

void WorkerSlot::on_started() noexcept {
  assert(state_ == SlotState::waiting);
  state_ = SlotState::starting;
}

void WorkerSlot::on_ready(Clock::time_point now) noexcept {
  if (state_ != SlotState::starting) return;  // it became ready while it was told to end
  state_ = SlotState::ready;
  ready_since_ = now;
}

void WorkerSlot::on_link_lost(Clock::time_point now, std::chrono::nanoseconds grace) noexcept {
  if (state_ != SlotState::starting && state_ != SlotState::ready) return;
  state_ = SlotState::draining;
  due_ = now + grace;
}

void WorkerSlot::on_death(Clock::time_point now) noexcept {
  const auto served = ready_since_ ? now - *ready_since_ : Clock::duration::zero();
  ready_since_.reset();
  state_ = wanted_ ? SlotState::waiting : SlotState::retired;
  due_ = now + brake_.on_death(served);
}

SlotAction WorkerSlot::retire(Clock::time_point now, std::chrono::nanoseconds grace) noexcept {
  wanted_ = false;
  if (state_ == SlotState::waiting) state_ = SlotState::retired;
  if (state_ != SlotState::starting && state_ != SlotState::ready) return SlotAction::none;

  if (state_ == SlotState::starting)
    grace = std::min<std::chrono::nanoseconds>(grace, kStartingGrace);
  state_ = SlotState::draining;
  due_ = now + grace;
  return SlotAction::order_drain;
}

SlotAction WorkerSlot::retire_at_once() noexcept {
  wanted_ = false;
  if (state_ == SlotState::waiting) state_ = SlotState::retired;
  return has_process() && state_ != SlotState::killed ? kill() : SlotAction::none;
}

bool WorkerSlot::has_process() const noexcept {
  return state_ != SlotState::waiting && state_ != SlotState::retired;
}

SlotAction WorkerSlot::kill() noexcept {
  state_ = SlotState::killed;
  return SlotAction::kill;
}

}  // namespace appd::supervisor
