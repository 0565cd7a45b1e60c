// A worker process, from its fork to its exit.
#pragma once

#include <memory>
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
#include "runtime/sockets/listening_socket.hpp"

namespace appd::worker {

/// What a worker process gets from the process that made it.
struct WorkerContext {
  const config::Settings& settings;
  const sockets::Admission& admission;
  /// The worker takes their descriptors.
  std::span<const std::shared_ptr<sockets::ListeningSocket>> sockets;
  std::span<ipc::ThreadSlot> slots;  ///< one for each pool thread
  unsigned index;                    ///< this worker's place among the others, from 0
  std::span<ipc::WorkerLoad> loads;  ///< of all workers
  const peers::Inboxes& inboxes;
  const peers::HandoverQueue& handover_queue;
  int crash_descriptor;  ///< where Python's stacks go when a signal ends the process
  gateway::Reporter& reporter;
};

/// Python with the application imported, in a process that has been forked after that.
using Preloaded = std::unique_ptr<python::PythonRuntime>;

/// One worker process from its first step to its last: starts Python, imports the application
/// (unless a zygote has done both: `preloaded`), tells that it is ready, serves from the master's
/// order on until that orders it to drain (or is gone, or SIGTERM comes), and ends Python. Gives
/// the exit code. On the process's main thread, which must be its only one.
int run_worker(const WorkerContext& context, ipc::WorkerLink link, Preloaded preloaded = nullptr);

/// Imports the application as a worker, or a zygote, would, has it answer --warmup, and ends Python
/// again. Gives the exit code; what is wrong is reported.
int check_application(const config::Settings& settings, gateway::Reporter& reporter);

/// "3.11.2"
std::string python_version();

/// What is worth a warning of --virtualenv; "": nothing.
std::string virtualenv_warning(const config::Settings& settings);

}  // namespace appd::worker
