// All workers of one configuration, and their zygote.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/supervisor/deployment.hpp"
#include "runtime/supervisor/launcher.hpp"
#include "runtime/supervisor/slot.hpp"
#include "runtime/supervisor/upgrade_state.hpp"
#include "runtime/supervisor/upkeep.hpp"
#include "runtime/supervisor/worker_group.hpp"
#include "runtime/supervisor/worker_slots.hpp"
#include "runtime/supervisor/zygote_process.hpp"

namespace appd::supervisor {

/// What the end of a process was to a generation.
enum class ProcessEnd : std::uint8_t {
  foreign,   ///< the process is not one of its own
  expected,  ///< it was ordered, or had exit code 0, or was a start that has failed
  crash,     ///< an established generation has lost a process that it wanted
};

/// The workers of one configuration and of the code as it was when they started, with their zygote
/// if they have one. Forks them, gives them orders, kills them and waits for them. SlotLifecycle
/// decides on each slot. Single-threaded; the process must have no other thread, as for Master.
///
/// If there is a zygote, it forks the workers, and starts wait while it is away. It is kept alive
/// as they are, and ends when all of them are retired.
class Generation final : public WorkerGroup {
 public:
  /// Reporter and handler are borrowed. No worker is wanted yet.
  Generation(unsigned number, std::unique_ptr<Deployment> deployment, gateway::Reporter& reporter,
             ForkHandler& fork_handler);
  /// A generation whose workers are there already, and serve or end.
  Generation(unsigned number, std::unique_ptr<Deployment> deployment, gateway::Reporter& reporter,
             ForkHandler& fork_handler, std::span<const UpgradeState::Worker> workers);
  /// Kills all processes that still live.
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // -- Orders

  /// Adds `workers` to the number of workers that are wanted.
  void grow(unsigned workers) override { workers_.grow(workers, Clock::now()); }
  /// Its workers serve from the moment they are ready.
  void serve() override;
  /// It has proven that it starts. From now on a worker that dies is started again, with growing
  /// pauses. Until now any death is its failure.
  void establish() noexcept override { established_ = true; }
  /// The first `workers` of those that go on end when their requests are done, however long that
  /// takes, unless the plan has a limit. They hand their idle connections over to workers that
  /// serve.
  void retire(unsigned workers) override;
  /// Nothing is accepted for it any more.
  void close_listeners() noexcept override { deployment_->close_listeners(); }
  /// All end, within the graceful timeout.
  void stop();
  /// All are killed.
  void stop_at_once();
  /// It and its processes go on in log files opened anew.
  void reopen_logs();

  // -- Events

  /// Does what is due.
  void tick();
  /// When something will be due; std::nullopt if only events move it.
  std::optional<Clock::time_point> due() const;
  /// Adds `polled_size()` entries. `read` gets them back after the poll.
  void add_polled(std::vector<pollfd>& polled) const;
  void read(std::span<const pollfd> polled);
  std::size_t polled_size() const noexcept { return slots_.size(); }
  /// Reads the first messages of workers that a zygote has forked. To be called before a dead
  /// process is waited for: until then the kernel tells whose child it is.
  void meet();
  /// A child of this process has ended.
  ProcessEnd on_exit(pid_t pid, int wait_status);
  /// Adds what another program in this process needs to know of the workers. Returns false if that
  /// is not possible now: a worker is not known yet, or the zygote starts or ends.
  bool export_to(UpgradeState& upgrade_state) const;

  // -- State

  /// "/srv/venv/bin/python, CPython 3.13.5": what its processes run. "" before one has said so.
  std::string program() const override;

  unsigned number() const noexcept override { return number_; }
  Deployment& deployment() const noexcept { return *deployment_; }
  bool can_start_workers() const noexcept { return plan_.can_start_workers(); }
  const GenerationPlan& plan() const noexcept override { return plan_; }
  unsigned wanted() const noexcept override { return workers_.wanted(); }
  unsigned ready() const noexcept override { return workers_.ready(); }
  /// Workers that are not to end, or that end only when a replacement is ready.
  unsigned going_on() const noexcept override { return workers_.going_on(); }
  /// A worker takes connections, or may.
  bool any_accepting() const noexcept override { return workers_.any_accepting(); }
  /// True if a worker was retired less than the graceful timeout ago and is still alive.
  bool any_ending() const noexcept override {
    return workers_.any_ending(Clock::now(), plan_.graceful_timeout);
  }
  /// Why it cannot take over: a line, and a traceback on further lines if there is one.
  const std::optional<std::string>& failure() const noexcept override { return failure_; }
  /// A line for each process, and one for the queue. Each begins with a line's end.
  std::string describe() const;
  /// Whether no process is left and none is wanted.
  bool finished() const noexcept;

 private:
  void perform(Slot& slot, SlotAction action, ipc::MasterOrder end = ipc::MasterOrder::drain);
  void order_again(Slot& slot);
  void start(Slot& slot);
  void abort_start(Slot& slot);
  void abort_exit(Slot& worker);
  void abort_zygote(std::string fault);
  void kill(const Slot& slot);
  void retire_zygote();
  void retire(Slot& worker);

  /// Whether it serves, or did until it was retired. False while it starts, and if it was
  /// discarded.
  bool in_office() const noexcept { return established_ && serving_; }
  void check_workers(Clock::time_point now);
  void on_silence(Slot& worker, Clock::duration silence);
  void check_zygote(Clock::time_point now);
  static void order_to_serve(Slot& worker);

  std::chrono::nanoseconds grace(const Slot& slot) const noexcept;

  void read_messages(Slot& slot);
  void on_link_end(Slot& slot);
  void on_descriptors(Slot& slot);
  void on_message(Slot& slot, const ipc::WorkerMessage& message);
  bool on_first_message(Slot& slot, pid_t sender);
  void on_ready(Slot& slot);
  void on_retired(Slot& worker, const std::string& signal);
  void on_exiting(Slot& worker, const std::string& threads);
  void on_failed(Slot& slot, const ipc::WorkerMessage& message);
  void on_reply(const ipc::WorkerMessage& message);
  void on_start_failed(Slot& slot, std::string_view why);
  ProcessEnd on_death(Slot& slot, std::optional<int> wait_status);
  void forget_process(Slot& slot);
  void report_backoff(const Slot& slot, Clock::time_point now);
  std::string describe_death(const Slot& dead, std::optional<int> wait_status);
  void fail(std::string why);

  // Set once.
  const unsigned number_;
  /// First of what its processes use, so that it is there until they are gone.
  const std::unique_ptr<Deployment> deployment_;
  const GenerationPlan& plan_;
  ipc::Scoreboard& scoreboard_;
  gateway::Reporter& reporter_;
  std::vector<Slot*> slots_;  ///< the zygote, if there is one, then the workers

  bool serving_ = false;
  bool established_ = false;
  std::optional<std::string> failure_;
  std::string failure_told_;  ///< the last failure; "" once a process has been ready after it
  WorkerSlots workers_;
  Upkeep upkeep_;
  std::optional<ZygoteProcess> zygote_;
  Launcher launcher_;
};

}  // namespace appd::supervisor
