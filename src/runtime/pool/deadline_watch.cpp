// Judges each running request: slow, overdue or stuck. python/wsgi_call.cpp raises the exception.

#include "runtime/pool/deadline_watch.hpp"

#include <algorithm>

namespace appd::pool {
namespace {

using std::chrono::nanoseconds;

/// How often a thread that runs a request is looked at within its shortest limit.
constexpr int kLooks = 8;
constexpr nanoseconds kShortest = std::chrono::milliseconds(1);
constexpr nanoseconds kLongest = std::chrono::seconds(1);

bool is_on(nanoseconds limit) noexcept {
  return limit.count() > 0;
}

/// The limit that a new request reaches first.
nanoseconds first_limit(const DeadlineLimits& limits) noexcept {
  if (!is_on(limits.slow)) return limits.request;
  return is_on(limits.request) ? std::min(limits.slow, limits.request) : limits.slow;
}

}  // namespace

DeadlineEvent DeadlineWatch::look(const View& view, Clock::time_point now) noexcept {
  if (!view.runs) {
    state_ = State::idle;
    return DeadlineEvent::none;
  }
  if (state_ == State::idle || request_ != view.request) begin(view);
  note_progress(view, now);
  const auto passed = [now](Clock::time_point from, nanoseconds limit) {
    return is_on(limit) && now - from >= limit;
  };
  if (state_ == State::overdue && passed(overdue_, limits_.grace)) {
    state_ = State::stuck;
    return DeadlineEvent::stuck;
  }
  if (state_ == State::going_on && passed(since_, limits_.request)) {
    state_ = State::overdue;
    overdue_ = now;
    reported_ = true;
    return DeadlineEvent::overdue;
  }
  if (!reported_ && passed(since_, limits_.slow)) {
    reported_ = true;
    return DeadlineEvent::slow;
  }
  return DeadlineEvent::none;
}

void DeadlineWatch::begin(const View& view) noexcept {
  state_ = State::going_on;
  reported_ = false;
  request_ = view.request;
  progress_ = 0;
  since_ = view.started;
}

void DeadlineWatch::note_progress(const View& view, Clock::time_point now) noexcept {
  if (progress_ == view.progress && !view.waits_for_others) return;
  progress_ = view.progress;
  since_ = now;
  if (state_ == State::overdue) state_ = State::going_on;
}

bool DeadlineWatch::half_way(Clock::time_point now) const noexcept {
  return state_ != State::idle && now - since_ >= first_limit(limits_) / 2;
}

DeadlineWatch::Clock::time_point DeadlineWatch::next_look(Clock::time_point now) const noexcept {
  const nanoseconds limit = first_limit(limits_);
  // A request that begins right after this look is due no sooner.
  if (state_ == State::idle) return now + limit;
  const Clock::time_point next = now + std::clamp(limit / kLooks, kShortest, kLongest);
  const auto when = due();
  return when ? std::min(next, std::max(*when, now)) : next;
}

std::optional<DeadlineWatch::Clock::time_point> DeadlineWatch::due() const noexcept {
  std::optional<Clock::time_point> first;
  const auto consider = [&first](Clock::time_point from, nanoseconds limit) {
    if (is_on(limit) && (!first || from + limit < *first)) first = from + limit;
  };
  if (!reported_) consider(since_, limits_.slow);
  if (state_ == State::going_on) consider(since_, limits_.request);
  if (state_ == State::overdue) consider(overdue_, limits_.grace);
  return first;
}

}  // namespace appd::pool
