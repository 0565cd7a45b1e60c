#pragma once

#include <csignal>
#include <functional>

#include "runtime/support/signals.hpp"

namespace appd::support {

/// Called once in a forked worker, before anything else runs in it: turns the master's signal
/// handling into a worker's, then puts `mask` in force.
///
/// Terminals and service managers send SIGINT, SIGTERM, SIGQUIT and SIGHUP to the workers too, and
/// people SIGUSR1, SIGUSR2 and what else they are used to. Those are the master's to answer, so
/// here they do nothing until the worker, or the application, says otherwise. SIGPIPE and SIGXFSZ
/// stay ignored.
void enter_worker_signals(const sigset_t& mask) noexcept;

/// Called in a worker that was forked from a process which had done the above: makes it the worker
/// that the handlers mean, and leaves those alone that the application has set since.
void inherit_worker_signals() noexcept;

/// All that do nothing in a worker. Until `inherit_worker_signals` is called they must be blocked.
sigset_t signals_left_to_master() noexcept;

/// Those of them that the application has given their default action, which would end the worker,
/// do nothing again. Nothing in a process that is no worker.
void renew_worker_signals() noexcept;

/// While one exists, they show their default action to whoever looks what is in force, and are
/// blocked in this thread, which must be the only one.
class HiddenWorkerSignals {
 public:
  HiddenWorkerSignals();
  ~HiddenWorkerSignals();
  HiddenWorkerSignals(const HiddenWorkerSignals&) = delete;
  HiddenWorkerSignals& operator=(const HiddenWorkerSignals&) = delete;

 private:
  BlockedSignals blocked_;
};

/// `install` gives `signal` a handler of appd's; `leave_own_signals` puts back what was there. By
/// one thread, for two signals at most.
void install_own_handler(int signal, const std::function<void()>& install);

/// In a process that the application has forked: takes appd's handlers away. Async-signal-safe.
void leave_own_signals() noexcept;

}  // namespace appd::support
