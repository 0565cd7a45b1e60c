#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/observe/scoreboard.hpp"
#include "runtime/observe/worker_link.hpp"
#include "runtime/supervisor/child.hpp"
#include "runtime/supervisor/crash_limit.hpp"
#include "runtime/supervisor/legacy.hpp"
#include "runtime/supervisor/rollover.hpp"
#include "runtime/supervisor/scaling.hpp"
#include "runtime/supervisor/wear.hpp"
#include "runtime/supervisor/zygote_process.hpp"

namespace appd::supervisor {

/// A worker's life, run in the forked child; what it returns is the process's exit code. `index`
/// counts from 0 (logs say "worker 1"). The worker becomes ready, serves when its master orders so,
/// drains and returns when that orders so or is gone (the end of `link`).
using WorkerEntry = std::function<int(unsigned index, observe::WorkerLink link)>;

/// The life of a zygote, the same way: it forks each worker that the master orders, as a child of
/// the master's. It returns when its master orders so or is gone, and in each of those workers.
using ZygoteEntry = std::function<int(observe::WorkerLink link)>;

/// What a generation is to be: made of the configuration.
struct GenerationPlan {
  unsigned workers = 1;       ///< at the start, and the fewest
  unsigned most_workers = 1;  ///< when requests wait
  unsigned threads = 1;       ///< of each
  std::chrono::nanoseconds scale_down_idle = std::chrono::seconds(60);
  std::chrono::nanoseconds graceful_timeout = std::chrono::seconds(30);
  /// A process that is not ready by then is ended; 0: it may take for ever.
  std::chrono::nanoseconds start_timeout{0};
  RolloverStrategy strategy = RolloverStrategy::overlap;  ///< by which it takes over
  WearLimits wear{};
  /// A worker that gives no sign of life for so long is killed; 0: it may.
  std::chrono::nanoseconds heartbeat{0};
  /// None: it was started by another program, and none can be started again.
  std::variant<std::monostate, WorkerEntry, ZygoteEntry> entry;
  /// With a row for each worker, at least.
  std::shared_ptr<observe::Scoreboard> scoreboard;
  /// What else is known of a process that has died, to be put behind the sentence that says so. Of
  /// a worker by its place, or of the zygote; `wait_status`: waitpid's. May be empty.
  std::function<std::string(std::optional<unsigned> index, int wait_status)> examine{};
  /// A worker has died, to which others may have given what it was to do. May be empty.
  std::function<void(unsigned index)> salvage{};
  /// Where they put that: a descriptor for another program in this process, which is then to
  /// salvage it; −1: nowhere. May be empty.
  std::function<int(unsigned index)> mailbox{};
  std::optional<CrashRate> max_crashes{};  ///< of all generations, while this one serves
};

/// What the end of a process was to a generation.
enum class ProcessEnd : std::uint8_t {
  foreign,   ///< none of its processes
  expected,  ///< ordered, or with exit code 0, or a start that has failed
  crash,     ///< of one that had its place
};

/// The workers of one configuration and of the code as it was when they started, and their zygote
/// if they have one: forks, orders, kills and waits for them. Decisions are WorkerSlot's.
/// Single-threaded; the process must have no other thread, since it forks without exec. What
/// workers share (listening sockets) is simply open when they are started.
///
/// With a zygote, workers are forked by that, and wait while there is none. It is kept alive as
/// they are, and ends when all of them are retired.
class Generation {
 public:
  /// `enter_child` is what a process that was forked does first: it leaves behind what is the
  /// master's. Both are borrowed. No worker is wanted yet.
  Generation(unsigned number, GenerationPlan plan, gateway::Reporter& reporter,
             const std::function<void()>& enter_child);
  /// One whose workers are there already, and serve or end.
  Generation(unsigned number, GenerationPlan plan, gateway::Reporter& reporter,
             const std::function<void()>& enter_child, std::span<const Legacy::Worker> workers);
  /// Leaves no process behind: those that live are killed.
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // -- Orders
  // -----------------------------------------------------------------------------

  /// So many more workers are wanted.
  void grow(unsigned workers);
  /// Its workers serve, when they are ready.
  void serve();
  /// It has proven that it starts: from now on a worker that dies is started again, with growing
  /// pauses. Until then any death is its failure.
  void establish() noexcept { established_ = true; }
  /// So many of the workers that go on, the first ones, end when their requests have, however long
  /// that takes; they leave their idle connections to whoever serves.
  void retire(unsigned workers);
  /// All end, within the graceful timeout.
  void stop();
  /// The same without any grace.
  void stop_at_once();

  // -- Events
  // -----------------------------------------------------------------------------

  /// Does what is due.
  void tick();
  /// When something will be; none: only events move it.
  std::optional<Clock::time_point> due() const;
  /// Adds as many entries as `read` wants to have back.
  void add_polled(std::vector<pollfd>& polled) const;
  void read(std::span<const pollfd> polled);
  std::size_t polled_size() const noexcept { return children_.size(); }
  /// A child of the process has ended.
  ProcessEnd on_exit(pid_t pid, int wait_status);
  /// What another program in this process needs to know of the workers. False: not now, one of them
  /// is not known yet.
  bool leave_to(Legacy& legacy) const;
  /// In a forked child: closes what is the master's.
  void close_links() noexcept;

  // -- State
  // ------------------------------------------------------------------------------

  unsigned number() const noexcept { return number_; }
  bool can_start_workers() const noexcept {
    return !std::holds_alternative<std::monostate>(plan_.entry);
  }
  const GenerationPlan& plan() const noexcept { return plan_; }
  unsigned wanted() const noexcept;
  unsigned ready() const noexcept;
  /// Those that are not to end, and those that end only when another is ready for them.
  unsigned going_on() const noexcept;
  /// A worker takes connections, or may.
  bool any_accepting() const noexcept;
  /// A worker is retired, lives, and has been so for less than the graceful timeout.
  bool any_ending() const noexcept;
  /// Why it cannot take over: a line, and the traceback on further ones if there is any.
  const std::optional<std::string>& failure() const noexcept { return failure_; }
  /// A line for each process, each begun with a line's end.
  std::string describe() const;
  /// No process is left, and none is wanted.
  bool finished() const noexcept;

 private:
  void perform(Child& child, SlotAction action,
               observe::MasterOrder end = observe::MasterOrder::drain);
  void start(Child& child);
  void fork_child(Child& child);
  void order_worker(Child& worker);
  [[noreturn]] void live_as_child(const Child& child, observe::WorkerLink link) noexcept;
  int live(const Child& child, observe::WorkerLink link);
  void abort(Child& child);
  void kill(const Child& child);
  void retire_zygote();
  void retire(Child& worker);

  bool is_inspected() const noexcept;
  void inspect(Clock::time_point now);
  Clock::duration inspection_interval() const noexcept;
  void check_life(Child& worker, Clock::time_point now);
  void check_inherited(Child& worker, Clock::time_point now);
  void on_silence(Child& worker, Clock::duration silence);
  void check_zygote(Clock::time_point now);
  void check_wear(Child& worker, Clock::time_point now);
  Wear wear_of(Child& worker, Clock::time_point now);
  void replace(Child& worker, const std::string& why);
  void on_stuck(Child& worker, const std::string& what);
  Child* find_free_place() noexcept;
  void let_replaced_go(Child& replacement);
  unsigned being_replaced() const noexcept;
  Occupancy occupancy() noexcept;
  void on_crowded();
  void scale_down(Clock::time_point now);
  static void order_to_serve(Child& worker);

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
  ProcessEnd on_death(Child& child, std::optional<int> wait_status);
  std::string describe_death(const Child& dead, std::optional<int> wait_status) const;
  std::string describe_work(const Child& child, std::string_view introduction) const;
  void fail(std::string why);

  // Set once.
  const unsigned number_;
  const GenerationPlan plan_;
  observe::Scoreboard& scoreboard_;
  gateway::Reporter& reporter_;
  const std::function<void()>& enter_child_;
  std::vector<Child*> children_;  ///< the zygote, if there is one, then the workers

  bool serving_ = false;
  bool established_ = false;
  std::optional<std::string> failure_;
  Clock::time_point inspection_due_{};
  Scaling scaling_;
  std::optional<ZygoteProcess> zygote_;
  std::vector<Child> workers_;
};

}  // namespace appd::supervisor
