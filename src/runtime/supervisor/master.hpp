#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/observe/scoreboard.hpp"
#include "runtime/observe/worker_link.hpp"
#include "runtime/supervisor/worker_slot.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/signals.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// A worker's life, run in the forked child; what it returns is the process's exit code. `index`
/// counts from 0 (logs say "worker 1"). The worker drains and returns when its master orders so or
/// is gone (the end of `link`).
using ChildEntry = std::function<int(unsigned index, observe::WorkerLink link)>;

struct MasterOptions {
  unsigned workers = 1;
  std::chrono::nanoseconds graceful_timeout = std::chrono::seconds(30);
};

struct MasterHooks {
  std::function<void()> on_ready;  ///< once, when all workers of the first start are ready
  std::function<void()>
      on_stopping;  ///< once, before workers are told to stop: close the listeners
};

/// Starts workers, replaces those that die, and stops them. Decisions are WorkerSlot's; this class
/// forks, orders, kills and waits. Single-threaded; the process must have no other thread while it
/// exists, since it forks without exec. The descriptors that workers share (listening sockets) are
/// simply open when it runs.
///
/// First start: when one worker cannot start, all are stopped. Later such workers are started
/// again, with growing pauses. SIGTERM, SIGINT: drain, kill what is left after the graceful
/// timeout; the second of them, or SIGQUIT: kill at once. SIGHUP is ignored.
class Master {
 public:
  /// Takes those signals and SIGCHLD into its own hands (and ignores SIGPIPE), so that none is lost
  /// before `run`. Borrows scoreboard and reporter. Throws std::system_error.
  Master(MasterOptions options, ChildEntry child_entry, observe::Scoreboard& scoreboard,
         gateway::Reporter& reporter, MasterHooks hooks = {});
  /// Leaves no worker behind: after `run` has thrown, those that live are killed.
  ~Master();
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  /// Returns when no worker is left: exit_code::kOk after an ordered stop (even when workers had to
  /// be killed: the log says so), exit_code::kStart after a failed first start. Throws what hooks
  /// throw, and std::system_error. Call once.
  int run();

 private:
  enum class Phase { starting, serving, stopping };

  /// What is known of a living worker.
  struct Process {
    pid_t pid;
    observe::WorkerLink link;
    Clock::time_point started;
    std::optional<observe::StartStep> step;
    bool failure_reported = false;
  };
  struct Worker {
    unsigned index;
    WorkerSlot slot;
    std::optional<Process> process;
  };

  void perform(Worker& worker, SlotAction action);
  void start(Worker& worker);
  void fork_worker(Worker& worker);
  [[noreturn]] void live_as_worker(unsigned index, observe::WorkerLink link) noexcept;
  void kill(const Worker& worker);

  bool finished() const noexcept;
  void wait_for_events();
  int poll_timeout() const noexcept;

  void read_messages(Worker& worker);
  void on_message(Worker& worker, const observe::WorkerMessage& message);
  void on_ready(Worker& worker);
  void on_failed(Worker& worker, const observe::WorkerMessage& message);

  void on_signal(int signal);
  void reap();
  void on_death(Worker& worker, int wait_status);
  void report_death(unsigned index, const Process& dead, int wait_status);

  void abandon_start();
  void stop();
  void stop_at_once();
  void enter_stopping();

  // Set once.
  const MasterOptions options_;
  const ChildEntry child_entry_;
  observe::Scoreboard& scoreboard_;
  gateway::Reporter& reporter_;
  const MasterHooks hooks_;
  support::BlockedSignals signals_;
  support::UniqueFd signal_fd_;  ///< closed in workers

  Phase phase_ = Phase::starting;
  int exit_code_ = support::exit_code::kOk;
  std::vector<Worker> workers_;
  std::vector<pollfd> polled_;  ///< the signal descriptor, then one entry for each worker
};

}  // namespace appd::supervisor
