// Makes links and processes, by fork or by an order to the zygote, when slot_lifecycle.cpp says so.

#include "runtime/supervisor/launcher.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <utility>

#include "runtime/support/exit_code.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {

using gateway::LogEvent;
using ipc::WorkerLink;

Launcher::Launcher(Deployment& deployment, gateway::Reporter& reporter, ForkHandler& fork_handler,
                   std::optional<ZygoteProcess>& zygote) noexcept
    : deployment_(deployment), reporter_(reporter), fork_handler_(fork_handler), zygote_(zygote) {}

bool Launcher::can_start(const Slot& slot) const noexcept {
  if (!deployment_.plan().can_start_workers()) return false;
  return !slot.is_worker() || !zygote_ || zygote_->can_fork();
}

void Launcher::start(Slot& slot) {
  zygote_&& slot.is_worker() ? order_worker(slot) : fork_child(slot);
}

void Launcher::fork_child(Slot& slot) {
  auto [master_end, child_end] = WorkerLink::make_pair();
  if (slot.is_worker()) deployment_.scoreboard().clear(*slot.index);
  std::fflush(nullptr);  // otherwise parent and child would both write what stdio holds
  const pid_t pid = ::fork();
  if (pid < 0) support::throw_errno("fork");
  if (pid == 0) live_as_child(slot, std::move(child_end));
  slot.process = Process{pid, std::move(master_end), Clock::now(), std::nullopt};
  reporter_.report(LogEvent::worker_started, fmt::format("{} started (pid {})", slot.name, pid));
}

void Launcher::order_worker(Slot& worker) {
  auto [master_end, worker_end] = WorkerLink::make_pair();
  deployment_.scoreboard().clear(*worker.index);
  zygote_->order_fork(*worker.index, worker_end);
  worker.process = Process{std::nullopt, std::move(master_end), Clock::now(), std::nullopt};
}

// A worker learns of its master's death from the end of its link, and drains then. So no worker may
// have the master's end of another worker's link: all that is the master's is close-on-exec. Why
// not otherwise: docs/decisions/no-parent-death-signal.md.
void Launcher::live_as_child(const Slot& slot, WorkerLink link) noexcept {
  int code = support::exit_code::kFailure;
  try {
    fork_handler_.enter_child();
    code = slot.is_worker() ? deployment_.run_worker(*slot.index, std::move(link))
                            : deployment_.run_zygote(std::move(link));
  } catch (const std::exception& error) {
    reporter_.report(LogEvent::worker_failed, fmt::format("{}: {}", slot.name, error.what()));
  }
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace appd::supervisor
