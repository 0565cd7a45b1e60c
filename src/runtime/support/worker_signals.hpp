// What signals do in a worker, which shares a terminal and a service with its master.
#pragma once

#include <csignal>
#include <functional>

#include "runtime/support/signals.hpp"

namespace appd::support {

/// Call it once in a forked worker, before anything else runs there. Turns the master's signal
/// handling into a worker's, then puts `mask` in force.
///
/// Terminals and service managers send SIGINT, SIGTERM, SIGQUIT and SIGHUP to the workers too;
/// people send SIGUSR1, SIGUSR2 and others. Only the master obeys them: in a worker they do nothing
/// until the worker or the application sets a handler. SIGPIPE and SIGXFSZ stay ignored.
void enter_worker_signals(const sigset_t& mask) noexcept;

/// Call it in a worker forked from a process that has called `enter_worker_signals`. The handlers
/// then belong to this worker. Handlers that the application has set since stay.
void inherit_worker_signals() noexcept;

/// All signals that do nothing in a worker. They must be blocked until `inherit_worker_signals` is
/// called.
sigset_t signals_left_to_master() noexcept;

/// If the application has given some of them their default action, which would end the worker, they
/// do nothing again. No effect in a process that is not a worker.
void renew_worker_signals() noexcept;

/// While one exists, code that asks for the handlers of these signals sees the default action. They
/// are blocked in this thread, which must be the only one.
class HiddenWorkerSignals {
 public:
  HiddenWorkerSignals();
  ~HiddenWorkerSignals();
  HiddenWorkerSignals(const HiddenWorkerSignals&) = delete;
  HiddenWorkerSignals& operator=(const HiddenWorkerSignals&) = delete;

 private:
  BlockedSignals blocked_;
};

/// `install` gives `signal` a handler of appd's; `leave_own_signals` restores the previous one. One
/// thread only; for two signals at most.
void install_own_handler(int signal, const std::function<void()>& install);

/// Removes appd's handlers in a process that the application has forked. Async-signal-safe.
void leave_own_signals() noexcept;

}  // namespace appd::support
