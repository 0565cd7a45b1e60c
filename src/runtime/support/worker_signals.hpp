// What signals do in a worker, which shares a terminal and a service with its master.
#pragma once

#include <csignal>
#include <functional>

namespace appd::support {

/// Call it once at the start of a worker's program, with `signals_left_to_master` blocked since
/// before its execution. Sets a worker's signal handling, and unblocks them.
///
/// Terminals and service managers send SIGINT, SIGTERM, SIGQUIT and SIGHUP to the workers too;
/// people send SIGUSR1, SIGUSR2 and others. Only the master obeys them: in a worker they do nothing
/// unless the worker or the application sets a handler. Handlers that are set already stay: those
/// of a sitecustomize module. SIGPIPE and SIGXFSZ stay ignored.
void enter_worker_signals() noexcept;

/// Call it in a worker forked from a process that has called `enter_worker_signals`. The handlers
/// then belong to this worker. Handlers that the application has set since stay.
void inherit_worker_signals() noexcept;

/// All signals that do nothing in a worker. They must be blocked until `enter_worker_signals` or
/// `inherit_worker_signals` is called.
sigset_t signals_left_to_master() noexcept;

/// If the application has given some of them their default action, which would end the worker, they
/// do nothing again. No effect in a process that is not a worker.
void renew_worker_signals() noexcept;

/// `install` gives `signal` a handler of appd's; `leave_own_signals` restores the previous one. One
/// thread only; for two signals at most.
void install_own_handler(int signal, const std::function<void()>& install);

/// Removes appd's handlers in a process that the application has forked. Async-signal-safe.
void leave_own_signals() noexcept;

}  // namespace appd::support
