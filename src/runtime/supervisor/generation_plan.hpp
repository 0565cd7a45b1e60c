// What a generation is told when it is made: counts, limits, and what its processes run.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/supervisor/crash_limit.hpp"
#include "runtime/supervisor/recycling.hpp"
#include "runtime/supervisor/rollover.hpp"

namespace appd::supervisor {

/// A worker's life, run in the forked child; what it returns is the process's exit code. `index`
/// counts from 0 (logs say "worker 1"). The worker becomes ready, serves when its master orders so,
/// drains and returns when that orders so or is gone (the end of `link`).
using WorkerEntry = std::function<int(unsigned index, ipc::WorkerLink link)>;

/// The life of a zygote, the same way: it forks each worker that the master orders, as a child of
/// the master's. It returns when its master orders so or is gone, and in each of those workers.
using ZygoteEntry = std::function<int(ipc::WorkerLink link)>;

/// What a generation is to be: made of the configuration.
struct GenerationPlan {
  unsigned workers = 1;       ///< at the start, and the fewest
  unsigned most_workers = 1;  ///< when requests wait
  unsigned threads = 1;       ///< of each
  unsigned queue = 0;         ///< requests that may wait for a thread, in each
  std::chrono::nanoseconds scale_down_idle = std::chrono::seconds(60);
  std::chrono::nanoseconds graceful_timeout = std::chrono::seconds(30);
  /// A worker that has not exited so long after its last request is ended; 0: it may take for ever.
  std::chrono::nanoseconds exit_timeout{0};
  /// A process that is not ready by then is ended; 0: it may take for ever.
  std::chrono::nanoseconds start_timeout{0};
  RolloverStrategy strategy = RolloverStrategy::overlap;  ///< by which it takes over
  RecyclingLimits recycling{};
  /// A worker that gives no sign of life for so long is killed; 0: it may.
  std::chrono::nanoseconds heartbeat{0};
  /// None: it was started by another program, and none can be started again.
  std::variant<std::monostate, WorkerEntry, ZygoteEntry> entry;
  /// With a row for each worker, at least.
  std::shared_ptr<ipc::Scoreboard> scoreboard;
  /// What else is known of a process that has died, to be put behind the sentence that says so. Of
  /// a worker by its place, or of the zygote; `wait_status`: waitpid's. May be empty.
  std::function<std::string(std::optional<unsigned> index, int wait_status)> examine{};
  /// A worker has died, to which others may have given what it was to do. May be empty.
  std::function<void(unsigned index)> recover{};
  /// Where they put that: a descriptor for another program in this process, which is then to
  /// recover it; −1: nowhere. May be empty.
  std::function<int(unsigned index)> inbox{};
  /// What its logs are now, for its processes to go on in. May be empty.
  std::function<gateway::LogStreams()> logs{};
  std::optional<CrashRate> max_crashes{};  ///< of all generations, while this one serves

  std::optional<std::chrono::nanoseconds> start_limit() const noexcept {
    return start_timeout.count() > 0 ? std::optional(start_timeout) : std::nullopt;
  }
  std::optional<std::chrono::nanoseconds> exit_limit() const noexcept {
    return exit_timeout.count() > 0 ? std::optional(exit_timeout) : std::nullopt;
  }
  /// There may be more workers, or fewer, as they are needed.
  bool scales() const noexcept { return workers < most_workers; }
  bool can_start_workers() const noexcept { return !std::holds_alternative<std::monostate>(entry); }
};

}  // namespace appd::supervisor
