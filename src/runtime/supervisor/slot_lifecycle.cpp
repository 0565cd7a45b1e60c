// The states of a slot and the events that change them.

#include "runtime/supervisor/slot_lifecycle.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace appd::supervisor {
namespace {

constexpr Clock::time_point kNever = Clock::time_point::max();

}  // namespace

const char* name(SlotState state) noexcept {
  switch (state) {
    case SlotState::waiting:
      return "waiting to start";
    case SlotState::starting:
      return "starting";
    case SlotState::ready:
      return "ready";
    case SlotState::draining:
      return "ending";
    case SlotState::exiting:
      return "exiting";
    case SlotState::killed:
      return "killed";
    case SlotState::retired:
      return "retired";
  }
  return "unknown";
}

void SlotLifecycle::adopt(Clock::time_point now, Found found,
                          std::optional<std::chrono::nanoseconds> limit) noexcept {
  wanted_ = found == Found::starting || found == Found::ready;
  started_at_ = now;
  due_ = found == Found::starting && limit ? now + *limit : kNever;
  if (found == Found::ready) ready_since_ = now;
  state_ = found == Found::starting ? SlotState::starting
           : found == Found::ready  ? SlotState::ready
                                    : SlotState::draining;
  if (found == Found::exiting) on_exiting(now, limit);
}

void SlotLifecycle::want(Clock::time_point now) noexcept {
  if (std::exchange(wanted_, true) || state_ != SlotState::retired) return;
  state_ = SlotState::waiting;
  due_ = now;
  backoff_ = {};
}

std::optional<Clock::time_point> SlotLifecycle::due(bool can_start) const noexcept {
  const bool has_limit = state_ == SlotState::starting || state_ == SlotState::draining ||
                         state_ == SlotState::exiting;
  if (has_limit && due_ != kNever) return due_;
  if (state_ == SlotState::waiting && can_start) return due_;
  return std::nullopt;
}

SlotAction SlotLifecycle::on_tick(Clock::time_point now, bool can_start) noexcept {
  if (!due(can_start) || now < due_) return SlotAction::none;
  if (state_ == SlotState::waiting) return SlotAction::start;
  if (state_ == SlotState::draining) return kill();
  return abort(now,
               state_ == SlotState::exiting ? SlotAction::abort_exit : SlotAction::abort_start);
}

void SlotLifecycle::on_started(Clock::time_point now,
                               std::optional<std::chrono::nanoseconds> limit) noexcept {
  assert(state_ == SlotState::waiting);
  state_ = SlotState::starting;
  started_at_ = now;
  due_ = limit ? now + *limit : kNever;
}

void SlotLifecycle::on_ready(Clock::time_point now) noexcept {
  if (state_ != SlotState::starting) return;  // it became ready while it was told to end
  state_ = SlotState::ready;
  ready_since_ = now;
}

void SlotLifecycle::on_exiting(Clock::time_point now,
                               std::optional<std::chrono::nanoseconds> limit) noexcept {
  if (state_ != SlotState::ready && state_ != SlotState::draining) return;
  const Clock::time_point end = limit ? now + *limit : kNever;
  due_ = state_ == SlotState::draining ? std::min(due_, end) : end;
  state_ = SlotState::exiting;
}

void SlotLifecycle::on_link_lost(Clock::time_point now, std::chrono::nanoseconds grace) noexcept {
  if (state_ != SlotState::starting && state_ != SlotState::ready) return;
  due_ = state_ == SlotState::starting ? std::min(due_, now + grace) : now + grace;
  state_ = SlotState::draining;
}

void SlotLifecycle::on_death(Clock::time_point now, bool had_requests) noexcept {
  RespawnBackoff::Life life;
  if (ready_since_) life = {*ready_since_ - started_at_, now - *ready_since_, had_requests};
  ready_since_.reset();
  state_ = wanted_ ? SlotState::waiting : SlotState::retired;
  due_ = now + backoff_.on_death(life);
}

SlotAction SlotLifecycle::retire(Clock::time_point now,
                                 std::optional<std::chrono::nanoseconds> grace) noexcept {
  wanted_ = false;
  if (state_ == SlotState::waiting) state_ = SlotState::retired;
  const Clock::time_point end = grace ? now + *grace : kNever;
  if (state_ == SlotState::draining || state_ == SlotState::exiting) due_ = std::min(due_, end);
  if (state_ != SlotState::starting && state_ != SlotState::ready) return SlotAction::none;

  due_ = state_ == SlotState::starting ? std::min({due_, end, now + kStartingGrace}) : end;
  state_ = SlotState::draining;
  return SlotAction::order_drain;
}

SlotAction SlotLifecycle::give_up() noexcept {
  return has_process() && state_ != SlotState::killed ? kill() : SlotAction::none;
}

SlotAction SlotLifecycle::abort(Clock::time_point now) noexcept {
  if (state_ != SlotState::starting && state_ != SlotState::ready) return SlotAction::none;
  return abort(now, SlotAction::abort_start);
}

SlotAction SlotLifecycle::abort(Clock::time_point now, SlotAction action) noexcept {
  state_ = SlotState::draining;
  due_ = now + kStartingGrace;
  return action;
}

SlotAction SlotLifecycle::retire_at_once() noexcept {
  wanted_ = false;
  if (state_ == SlotState::waiting) state_ = SlotState::retired;
  return has_process() && state_ != SlotState::killed ? kill() : SlotAction::none;
}

bool SlotLifecycle::has_process() const noexcept {
  return state_ != SlotState::waiting && state_ != SlotState::retired;
}

SlotAction SlotLifecycle::kill() noexcept {
  state_ = SlotState::killed;
  return SlotAction::kill;
}

}  // namespace appd::supervisor
