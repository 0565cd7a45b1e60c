#include "runtime/supervisor/launcher.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <utility>
#include <variant>

#include "runtime/support/exit_code.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {

using gateway::Level;
using observe::WorkerLink;

Launcher::Launcher(const GenerationPlan& plan, gateway::Reporter& reporter,
                   const std::function<void()>& enter_child,
                   std::optional<ZygoteProcess>& zygote) noexcept
    : plan_(plan),
      scoreboard_(*plan.scoreboard),
      reporter_(reporter),
      enter_child_(enter_child),
      zygote_(zygote) {}

bool Launcher::can_start(const Child& child) const noexcept {
  if (!plan_.can_start_workers()) return false;
  return !child.is_worker() || !zygote_ || zygote_->can_fork();
}

void Launcher::start(Child& child) {
  zygote_&& child.is_worker() ? order_worker(child) : fork_child(child);
}

void Launcher::fork_child(Child& child) {
  auto [master_end, child_end] = WorkerLink::make_pair();
  if (child.is_worker()) scoreboard_.clear(*child.index);
  std::fflush(nullptr);  // or parent and child would both write what stdio holds
  const pid_t pid = ::fork();
  if (pid < 0) support::throw_errno("fork");
  if (pid == 0) {
    master_end.close();
    live_as_child(child, std::move(child_end));
  }
  child.process = ChildProcess{pid, std::move(master_end), Clock::now(), std::nullopt};
  reporter_.report(Level::debug, fmt::format("{} started (pid {})", child.name, pid));
}

void Launcher::order_worker(Child& worker) {
  auto [master_end, worker_end] = WorkerLink::make_pair();
  scoreboard_.clear(*worker.index);
  zygote_->order_fork(*worker.index, worker_end);
  worker.process = ChildProcess{std::nullopt, std::move(master_end), Clock::now(), std::nullopt};
}

// A worker learns of its master's death from the end of its link, on which it drains.
// (PR_SET_PDEATHSIG would cut off its requests, and is lost when the worker changes its user.) So
// no worker may keep the master's end of another's link, and none returns into the master's code.
void Launcher::live_as_child(const Child& child, WorkerLink link) noexcept {
  int code = support::exit_code::kFailure;
  try {
    enter_child_();
    code = live(child, std::move(link));
  } catch (const std::exception& error) {
    reporter_.report(Level::error, fmt::format("{}: {}", child.name, error.what()));
  }
  std::fflush(nullptr);
  ::_exit(code);
}

int Launcher::live(const Child& child, WorkerLink link) {
  if (!child.is_worker()) return std::get<ZygoteEntry>(plan_.entry)(std::move(link));
  return std::get<WorkerEntry>(plan_.entry)(*child.index, std::move(link));
}

}  // namespace appd::supervisor
