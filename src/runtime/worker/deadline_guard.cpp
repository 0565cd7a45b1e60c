#include "runtime/worker/deadline_guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace appd::worker {
namespace {

using gateway::Level;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

DeadlineGuard::DeadlineGuard(boost::asio::io_context& control, const DeadlineLimits& limits,
                             std::span<const observe::ThreadSlot> slots,
                             python::PythonRuntime& python, gateway::Reporter& reporter)
    : timer_(control),
      slots_(slots),
      watches_(slots.size(), DeadlineWatch(limits)),
      python_(python),
      reporter_(reporter) {}

void DeadlineGuard::start(
    std::function<void(unsigned, std::uint32_t, const std::string&)> on_stuck) {
  on_stuck_ = std::move(on_stuck);
  look_later(now());
}

/// `when` and what the watches know is running time; the timer counts that only while this thread
/// runs.
void DeadlineGuard::look_later(Clock::time_point when) {
  const Clock::duration wait = std::max(when - now(), Clock::duration::zero());
  time_.expect_wait(wait);
  timer_.expires_after(wait);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) look();
  });
}

void DeadlineGuard::look() {
  for (unsigned thread = 0; thread < slots_.size(); ++thread) look_at(thread);
  const Clock::time_point at = now();
  Clock::time_point next = Clock::time_point::max();
  for (const DeadlineWatch& watch : watches_) next = std::min(next, watch.next_look(at));
  look_later(next);
}

void DeadlineGuard::look_at(unsigned thread) {
  const Reading reading = slots_[thread].read();
  while (true) {
    const Clock::time_point at = now();  // before the view, which lies on the same line
    const DeadlineEvent event = watches_[thread].look(view_of(reading), at);
    if (event == DeadlineEvent::none) return;
    act(event, thread, reading);
  }
}

DeadlineWatch::View DeadlineGuard::view_of(const Reading& reading) const noexcept {
  const Clock::time_point started{std::chrono::nanoseconds(reading.started)};
  return {reading.started != 0, reading.sequence, time_.at(started), reading.progress,
          reading.waiting};
}

void DeadlineGuard::act(DeadlineEvent event, unsigned thread, const Reading& reading) {
  switch (event) {
    case DeadlineEvent::none:
      return;
    case DeadlineEvent::stuck:
      reporter_.report(
          Level::error,
          describe(thread, reading, "--timeout-grace: given up, and with it this worker"));
      return on_stuck_(thread, reading.sequence,
                       fmt::format("{} (thread {})", reading.text, thread + 1));
    case DeadlineEvent::overdue:
      reporter_.report(Level::error, describe(thread, reading, "--request-timeout: interrupted"));
      return python_.interrupt(call_of(thread, reading));
    case DeadlineEvent::slow:
      reporter_.report(Level::warning, describe(thread, reading, "--slow-request"));
      return;
  }
}

/// The request and where it is. `what`: the option, and what follows.
std::string DeadlineGuard::describe(unsigned thread, const Reading& reading, const char* what) {
  const Clock::time_point at = now();
  return fmt::format("{} has made no progress for {:.1f} s ({}; thread {}, began {:.1f} s ago){}",
                     reading.text, seconds(at - watches_[thread].still_since()), what, thread + 1,
                     seconds(at - view_of(reading).started), stack_of(thread, reading));
}

python::RunningCall DeadlineGuard::call_of(unsigned thread, const Reading& reading) const {
  return {thread, &slots_[thread].sequence, reading.sequence};
}

std::string DeadlineGuard::stack_of(unsigned thread, const Reading& reading) {
  const auto stack = python_.stack_of(call_of(thread, reading));
  if (!stack) return "; it does not say where it is, or has just ended";
  return fmt::format("; it is at (most recent call first):\n{}", *stack);
}

}  // namespace appd::worker
