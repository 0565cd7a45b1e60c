// Judges and describes the end of a process.

#include "runtime/supervisor/death_report.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include "runtime/supervisor/descriptions.hpp"
#include "runtime/supervisor/exit_threads.hpp"
#include "runtime/supervisor/slot_status.hpp"

namespace appd::supervisor {

using gateway::LogEvent;

bool has_ended_as_asked(const Process& dead, std::optional<int> wait_status) noexcept {
  return !dead.asked_by.empty() && dead.fault.empty() && wait_status == 0;
}

bool had_requests(const Slot& dead, const ipc::Scoreboard& scoreboard) {
  return dead.is_worker() &&
         (scoreboard.answered(*dead.index) > dead.process->usage.answered_before ||
          !scoreboard.running(*dead.index).empty());
}

LogEvent event_of_death(const Process& dead, bool was_wanted, std::optional<int> wait_status) {
  if (has_ended_as_asked(dead, wait_status)) return LogEvent::worker_asked_to_end;
  // Code 0 while serving: the application has ended the process.
  if (was_wanted) return wait_status == 0 ? LogEvent::worker_exited : LogEvent::worker_died;
  if (wait_status.value_or(0) == 0) return LogEvent::worker_stopped;
  const bool asked = WIFEXITED(*wait_status) || WTERMSIG(*wait_status) == SIGTERM ||
                     WTERMSIG(*wait_status) == SIGINT;
  return asked ? LogEvent::worker_exited : LogEvent::worker_died;
}

std::string describe_death(const Slot& dead, std::optional<int> wait_status,
                           const ipc::Scoreboard& scoreboard, std::string_view findings,
                           Clock::time_point now) {
  const Process& process = *dead.process;
  const std::string age = describe_duration(now - process.started);
  if (has_ended_as_asked(process, wait_status)) {
    return fmt::format("{} was asked to end by {} and has ended after {}", title(dead),
                       process.asked_by, age);
  }
  const auto& step = process.step;
  const bool overdue = process.exiting_since && !process.fault.empty();
  return fmt::format(
      "{} {}{}{}{}{} after {}{}{}{}", title(dead), process.fault,
      process.fault.empty() ? "" : " and ",
      wait_status ? describe_exit(*wait_status) : "was not forked", step ? " at " : "",
      step ? name(*step) : "", age, describe_work(dead, scoreboard, ", while serving "),
      overdue ? describe_exit_threads(process.exit_threads, findings) : "", findings);
}

}  // namespace appd::supervisor
