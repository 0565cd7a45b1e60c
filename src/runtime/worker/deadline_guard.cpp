// Acts on slow, overdue and stuck requests (pool/deadline_watch.cpp says which) and on stalls.

#include "runtime/worker/deadline_guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace appd::worker {
namespace {

using gateway::LogEvent;

/// A thread that keeps the interpreter this long while another asks for it is in C code: Python
/// code gives it up within some milliseconds.
constexpr std::chrono::milliseconds kKept{50};

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

DeadlineGuard::DeadlineGuard(boost::asio::io_context& control, const pool::DeadlineLimits& limits,
                             std::span<const ipc::ThreadSlot> slots, const ipc::WorkerLoad& load,
                             python::PythonRuntime& python, gateway::Reporter& reporter)
    : timer_(control),
      slots_(slots),
      load_(load),
      watches_(slots.size(), pool::DeadlineWatch(limits)),
      told_(slots.size()),
      python_(python),
      reporter_(reporter) {}

void DeadlineGuard::start(
    std::function<void(unsigned, std::uint32_t, const std::string&)> on_stuck) {
  on_stuck_ = std::move(on_stuck);
  look_later(now());
}

/// `when` is running time, as the watches know it. The timer counts other time: it is running time
/// only while this thread runs.
void DeadlineGuard::look_later(Clock::time_point when) {
  const Clock::duration wait = std::max(when - now(), Clock::duration::zero());
  time_.expect_wait(wait);
  timer_.expires_after(wait);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) look();
  });
}

void DeadlineGuard::look() {
  look_at_interpreter();
  for (unsigned thread = 0; thread < slots_.size(); ++thread) look_at(thread);
  const Clock::time_point at = now();
  Clock::time_point next = Clock::time_point::max();
  for (const pool::DeadlineWatch& watch : watches_) next = std::min(next, watch.next_look(at));
  look_later(next);
}

/// Asking for the interpreter has a price. So it asks only while a request makes no progress, or
/// cannot begin without the interpreter.
void DeadlineGuard::look_at_interpreter() {
  const auto half_way = [at = now()](const pool::DeadlineWatch& watch) {
    return watch.half_way(at);
  };
  const bool wanted = load_.stalled.load(std::memory_order_relaxed) != 0 ||
                      std::any_of(watches_.begin(), watches_.end(), half_way);
  keeper_.reset();
  if (wanted && python_.wait_for_interpreter() >= kKept) keeper_ = python_.interpreter_holder();
  if (keeper_) return tell_of_keeper_to_queue();
  told_queue_ = false;
}

void DeadlineGuard::tell_of_keeper_to_queue() {
  const int waiting = load_.waiting.load(std::memory_order_relaxed);
  if (waiting <= 0 || std::exchange(told_queue_, true)) return;
  reporter_.report(LogEvent::interpreter_held,
                   fmt::format("{} for the interpreter, {}",
                               waiting == 1 ? "1 request in the queue waits"
                                            : fmt::format("{} requests in the queue wait", waiting),
                               describe_keeper()));
}

void DeadlineGuard::tell_of_keeper(unsigned thread, const Reading& reading) {
  if (reading.started == 0) return;
  if (std::exchange(told_[thread], reading.sequence) == reading.sequence) return;
  reporter_.report(LogEvent::interpreter_held,
                   fmt::format("{} (thread {}) waits for the interpreter, {}", reading.text,
                               thread + 1, describe_keeper()));
}

std::string DeadlineGuard::describe_keeper() const {
  if (*keeper_ == python::kOtherThread) return "held by a thread that the application has started";
  return fmt::format("held by {} (thread {})", slots_[*keeper_].read().text, *keeper_ + 1);
}

void DeadlineGuard::look_at(unsigned thread) {
  const Reading reading = slots_[thread].read();
  if (is_kept_out(thread)) tell_of_keeper(thread, reading);
  while (true) {
    const Clock::time_point at = now();  // before the view, which lies on the same line
    const pool::DeadlineEvent event = watches_[thread].look(view_of(thread, reading), at);
    if (event == pool::DeadlineEvent::none) return;
    act(event, thread, reading);
  }
}

/// A keeper that has been given up does not come back, and neither do the threads that wait for it.
pool::DeadlineWatch::View DeadlineGuard::view_of(unsigned thread,
                                                 const Reading& reading) const noexcept {
  const bool waits_for_keeper =
      is_kept_out(thread) && *keeper_ != python::kOtherThread && !watches_[*keeper_].stuck();
  return {reading.started != 0, reading.sequence, begin_of(reading), reading.progress,
          reading.waiting || waits_for_keeper};
}

DeadlineGuard::Clock::time_point DeadlineGuard::begin_of(const Reading& reading) const noexcept {
  return time_.at(Clock::time_point{std::chrono::nanoseconds(reading.started)});
}

void DeadlineGuard::act(pool::DeadlineEvent event, unsigned thread, const Reading& reading) {
  switch (event) {
    case pool::DeadlineEvent::none:
      return;
    case pool::DeadlineEvent::stuck:
      reporter_.report(
          LogEvent::request_stuck,
          describe(thread, reading, "--timeout-grace: given up, and this worker will be replaced"));
      return on_stuck_(thread, reading.sequence,
                       fmt::format("{} (thread {})", reading.text, thread + 1));
    case pool::DeadlineEvent::overdue:
      reporter_.report(LogEvent::request_deadline,
                       describe(thread, reading, "--request-timeout: interrupted"));
      return python_.interrupt(call_of(thread, reading));
    case pool::DeadlineEvent::slow:
      reporter_.report(LogEvent::request_slow, describe(thread, reading, "--slow-request"));
      return;
  }
}

/// The request and where it is. `what` names the option, and what is done about it.
std::string DeadlineGuard::describe(unsigned thread, const Reading& reading, const char* what) {
  const Clock::time_point at = now();
  return fmt::format("{} has made no progress for {:.1f} s ({}; thread {}, began {:.1f} s ago){}",
                     reading.text, seconds(at - watches_[thread].still_since()), what, thread + 1,
                     seconds(at - begin_of(reading)), stack_of(thread, reading));
}

python::RunningCall DeadlineGuard::call_of(unsigned thread, const Reading& reading) const {
  return {thread, &slots_[thread].sequence, reading.sequence};
}

std::string DeadlineGuard::stack_of(unsigned thread, const Reading& reading) {
  const auto stack = python_.stack_of(call_of(thread, reading));
  if (!stack) return "; no stack available; the call may have just ended";
  return fmt::format("; it is at (most recent call first):\n{}", *stack);
}

}  // namespace appd::worker
