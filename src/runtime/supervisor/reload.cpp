// Gives both generations the orders of a reload.

#include "runtime/supervisor/reload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/supervisor/descriptions.hpp"
#include "runtime/support/lines.hpp"

namespace appd::supervisor {

using gateway::LogEvent;

namespace {

unsigned count_wanted(const WorkerGroup& present, const GenerationPlan& next) {
  return std::clamp(present.wanted(), next.workers, std::max(next.workers, next.most_workers));
}

}  // namespace

Reload::Reload(WorkerGroup& present, WorkerGroup& next, Callers callers,
               gateway::Reporter& reporter, Clock::time_point now)
    : former_(present),
      next_(next),
      callers_(std::move(callers)),
      reporter_(reporter),
      began_(now),
      wanted_(count_wanted(present, next.plan())) {}

Reload::Progress Reload::advance(Clock::time_point now) {
  return patience_ ? await_former(now) : roll_over(now);
}

RolloverView Reload::view() const noexcept {
  RolloverView view;
  view.wanted = wanted_;
  view.started = next_.wanted();
  view.ready = next_.ready();
  view.replaced = replaced_;
  view.left = former_.going_on();
  view.old_ending = former_.any_ending();
  view.failed = next_.failure().has_value();
  return view;
}

Reload::Progress Reload::roll_over(Clock::time_point now) {
  switch (next_step(next_.plan().strategy, view())) {
    case RolloverStep::wait:
      break;
    case RolloverStep::start_all:
      next_.grow(wanted_);
      break;
    case RolloverStep::start_one:
      next_.grow(1);
      break;
    case RolloverStep::replace_one:
      next_.serve();
      former_.retire(1);
      ++replaced_;
      break;
    case RolloverStep::take_over:
      return take_over(now);
    case RolloverStep::discard:
      return discard();
  }
  return Progress::under_way;
}

Reload::Progress Reload::take_over(Clock::time_point now) {
  next_.establish();
  next_.serve();
  former_.retire(former_.going_on());
  patience_ = now + kFormerPatience;
  return Progress::taken_over;
}

Reload::Progress Reload::await_former(Clock::time_point now) {
  if (former_.any_accepting() && now < *patience_) return Progress::under_way;
  const std::string what =
      fmt::format("reloaded in {}: generation {} serves ({}); {}", describe_duration(now - began_),
                  next_.number(), describe_workers(wanted_), next_.program());
  reporter_.report(LogEvent::reload_finished, what);
  callers_.succeed(what);
  former_.close_listeners();
  return Progress::finished;
}

Reload::Progress Reload::discard() {
  former_.grow(replaced_);
  next_.retire(next_.going_on());
  const std::string what = fmt::format("the reload failed, and generation {} keeps serving: {}",
                                       former_.number(), *next_.failure());
  reporter_.report(LogEvent::reload_refused,
                   support::first_line(what));  // the log has the other lines
  callers_.fail(what);
  return Progress::discarded;
}

unsigned Reload::serving_early() const noexcept {
  return !patience_ && replaced_ > 0 ? next_.ready() : 0;
}

}  // namespace appd::supervisor
