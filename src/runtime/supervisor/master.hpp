#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/observe/scoreboard.hpp"
#include "runtime/observe/worker_link.hpp"
#include "runtime/supervisor/child.hpp"
#include "runtime/supervisor/worker_slot.hpp"
#include "runtime/supervisor/zygote_process.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/signals.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// A worker's life, run in the forked child; what it returns is the process's exit code. `index`
/// counts from 0 (logs say "worker 1"). The worker drains and returns when its master orders so or
/// is gone (the end of `link`).
using WorkerEntry = std::function<int(unsigned index, observe::WorkerLink link)>;

/// The life of a zygote, the same way: it forks each worker that the master orders, as a child of
/// the master's. It returns when its master orders so or is gone, and in each of those workers.
using ZygoteEntry = std::function<int(observe::WorkerLink link)>;

struct MasterOptions {
  unsigned workers = 1;
  std::chrono::nanoseconds graceful_timeout = std::chrono::seconds(30);
};

struct MasterHooks {
  std::function<void()> on_ready;  ///< once, when all workers of the first start are ready
  std::function<void()>
      on_stopping;  ///< once, before workers are told to stop: close the listeners
  /// In each turn of the loop, with the number of workers that are ready; gives the time by which
  /// the next turn is to be, if that matters.
  std::function<std::optional<Clock::time_point>(unsigned ready)> on_turn;
};

/// Starts workers, replaces those that die, and stops them. Decisions are WorkerSlot's; this class
/// forks, orders, kills and waits. Single-threaded; the process must have no other thread while it
/// exists, since it forks without exec. The descriptors that workers share (listening sockets) are
/// simply open when it runs.
///
/// With a zygote, workers are forked by that, and wait while there is none. It is kept alive as
/// they are, and ends with a stop.
///
/// First start: when one worker cannot start, all are stopped. Later such workers are started
/// again, with growing pauses. SIGTERM, SIGINT: drain, kill what is left after the graceful
/// timeout; the second of them, or SIGQUIT: kill at once. SIGHUP is ignored.
class Master {
 public:
  /// Takes those signals and SIGCHLD into its own hands (and ignores SIGPIPE), so that none is lost
  /// before `run`. Borrows scoreboard and reporter. Throws std::system_error.
  Master(MasterOptions options, std::variant<WorkerEntry, ZygoteEntry> entry,
         observe::Scoreboard& scoreboard, gateway::Reporter& reporter, MasterHooks hooks = {});
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

  void perform(Child& child, SlotAction action);
  void start(Child& child);
  void fork_child(Child& child);
  void order_worker(Child& worker);
  [[noreturn]] void live_as_child(const Child& child, observe::WorkerLink link) noexcept;
  int live(const Child& child, observe::WorkerLink link);
  void kill(const Child& child);

  bool finished() const noexcept;
  unsigned count_ready() const noexcept;
  void wait_for_events();
  int poll_timeout() const noexcept;
  bool can_start(const Child& child) const noexcept;
  std::chrono::nanoseconds grace(const Child& child) const noexcept;

  void read_messages(Child& child);
  void on_link_end(Child& child);
  void on_message(Child& child, const observe::WorkerMessage& message);
  void on_first_message(Child& child, pid_t sender);
  void on_ready(Child& child);
  void on_failed(Child& child, const observe::WorkerMessage& message);
  void on_answer(const observe::WorkerMessage& message);
  void on_start_failed(Child& child, std::string_view why);

  void on_signal(int signal);
  void reap();
  Child* child_of(pid_t pid);
  void on_death(Child& child, std::optional<int> wait_status);
  void report_death(const Child& dead, std::optional<int> wait_status);
  std::string describe_work(const Child& child, std::string_view introduction) const;

  void abandon_start();
  void stop();
  void stop_at_once();
  void enter_stopping();

  // Set once.
  const MasterOptions options_;
  const std::variant<WorkerEntry, ZygoteEntry> entry_;
  observe::Scoreboard& scoreboard_;
  gateway::Reporter& reporter_;
  const MasterHooks hooks_;
  support::BlockedSignals signals_;
  support::UniqueFd signal_fd_;   ///< closed in children
  std::vector<Child*> children_;  ///< the zygote, if there is one, then the workers

  Phase phase_ = Phase::starting;
  std::optional<Clock::time_point> turn_due_;  ///< as the hook on_turn wants it
  int exit_code_ = support::exit_code::kOk;
  std::optional<ZygoteProcess> zygote_;
  std::vector<Child> workers_;
  std::vector<pollfd> polled_;  ///< the signal descriptor, then one entry for each child
};

}  // namespace appd::supervisor
