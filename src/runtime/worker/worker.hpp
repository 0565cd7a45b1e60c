// A worker process, from the start of its program to its exit.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "runtime/config/settings.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/peers/handover.hpp"
#include "runtime/peers/peer_workers.hpp"
#include "runtime/python/python_runtime.hpp"
#include "runtime/sockets/admission.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::worker {

/// What a worker process works with. All is borrowed.
struct WorkerContext {
  const config::Settings& settings;
  const sockets::Admission& admission;
  std::span<support::UniqueFd> sockets;       ///< listening; the worker takes them over
  std::span<support::UniqueFd> http_sockets;  ///< the same, for HTTP
  std::span<ipc::ThreadSlot> slots;           ///< one for each pool thread
  unsigned index;                             ///< this worker's place among the others, from 0
  std::span<ipc::WorkerLoad> loads;           ///< of all workers
  const peers::Inboxes& inboxes;
  const peers::HandoverQueue& handover_queue;
  int crash_descriptor;  ///< where Python's stacks go when a signal ends the process
  gateway::Reporter& reporter;
  std::optional<python::DevelopmentOptions> development{};
};

/// Python with the application imported, in a process that was forked after the import.
using Preloaded = std::unique_ptr<python::PythonRuntime>;

/// The whole life of a worker process. It prepares Python and imports the application, unless a
/// zygote has done both (`preloaded`). It reports that it is ready, and serves when the master
/// orders it to. It drains when the master orders that or is gone, or at SIGTERM, and ends Python.
/// Returns the exit code. Call it on the process's main thread, before it has other threads of
/// appd's.
int run_worker(const WorkerContext& context, ipc::WorkerLink link, Preloaded preloaded = nullptr);

/// Imports the application as a worker or a zygote would, sends it the requests of --warmup, and
/// ends Python again. Returns the exit code; reports what is wrong.
int check_application(const config::Settings& settings, gateway::Reporter& reporter);

}  // namespace appd::worker
