// The zygote process of --preload.
#pragma once

#include <functional>

#include "runtime/config/settings.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/ipc/crash_files.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/worker/worker.hpp"

namespace appd::worker {

/// The life of a worker that a zygote has forked; what it returns is its exit code.
using ForkedWorker = std::function<int(unsigned index, ipc::WorkerLink link, Preloaded preloaded)>;

/// The process that imports the application once (--preload) and then forks a worker whenever the
/// master orders so: what the import made is in memory once for all of them. Serves no request and
/// never ends Python, so exit handlers run in the workers alone.
///
/// The workers become the master's children, so the master must be a subreaper. Returns twice
/// over: in the zygote when the master orders it to end or is gone, in each worker what `worker`
/// returned. On the process's main thread, which must be its only one; it must have entered its
/// place of the crash files, and each worker enters its own. Files and reporter must live as long
/// as any of these processes.
int run_zygote(const config::Settings& settings, ipc::CrashFiles& crash_files,
               gateway::Reporter& reporter, ipc::WorkerLink link, const ForkedWorker& worker);

}  // namespace appd::worker
