// A worker's place in a generation, and the process in it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/ipc/worker_link.hpp"
#include "runtime/supervisor/recycling.hpp"
#include "runtime/supervisor/slot_lifecycle.hpp"

namespace appd::supervisor {

/// What a worker has used is counted from its readiness on.
struct UsageStart {
  Clock::time_point ready_since{};
  std::uint64_t answered_before = 0;  ///< requests that others in its place have answered
  RecyclingLimits allowance{};
  std::optional<std::uint64_t> memory{};  ///< bytes, when it became ready
  Clock::time_point memory_due{};         ///< when it is measured next
};

/// Orders that a process's link had no room for. They are sent again at `due`.
struct OwedOrders {
  std::optional<ipc::MasterOrder> order;
  bool reopen_logs = false;
  Clock::time_point due;

  bool any() const noexcept { return order || reopen_logs; }
};

/// What is known of a living process.
struct Process {
  /// std::nullopt while the zygote has been ordered to fork it and it has not said anything yet.
  std::optional<pid_t> pid;
  ipc::WorkerLink link;
  Clock::time_point started;
  std::optional<ipc::StartStep> step;
  bool failure_reported = false;
  std::string program{};  ///< "/srv/venv/bin/python, CPython 3.13.5"; "" before it has said so
  /// Why the master ends it, such as "was not ready within 5.0 s (--start-timeout)". "" if it does
  /// not.
  std::string fault{};
  /// The signal by which somebody has asked it alone to end: "SIGTERM". "" if nobody has.
  std::string asked_by{};
  /// Since when it exits, and its threads at that time: see WorkerMessage::Kind::exiting.
  std::optional<Clock::time_point> exiting_since{};
  std::string exit_threads{};
  UsageStart usage{};            ///< of a worker that is ready
  bool accepting = false;        ///< it takes connections, as far as the master knows
  Clock::time_point heard_at{};  ///< when it last said that it knows of its retirement
  OwedOrders owed{};

  /// Sends an order, now or later. An order that still waits is replaced by a newer one.
  void order(ipc::MasterOrder what, Clock::time_point now) noexcept;
  void order_reopen(const gateway::LogStreams& logs, Clock::time_point now) noexcept;
};

/// The place of a process that the master keeps alive: a worker's or the zygote's.
struct Slot {
  std::string name;               ///< as logs have it: "worker 1", "zygote"
  std::optional<unsigned> index;  ///< a worker's place, from 0; std::nullopt for the zygote
  SlotLifecycle life{};
  std::optional<Process> process{};
  std::optional<unsigned> replaces{};  ///< the place of a worker that ends when this one is ready
  Clock::time_point retired_at{};      ///< when it was retired last

  bool is_worker() const noexcept { return index.has_value(); }
};

/// "worker 1 (pid 123)", or "worker 1" while the pid is not known.
std::string title(const Slot& slot);

}  // namespace appd::supervisor
