#pragma once

#include <csignal>
#include <functional>

namespace appd::support {

/// Called once in a forked worker, before anything else runs in it: turns the master's signal
/// handling into a worker's, then puts `mask` in force.
///
/// Terminals and service managers send SIGINT, SIGTERM, SIGQUIT and SIGHUP to the workers too;
/// those are the master's to answer, so here they do nothing until the worker says otherwise.
/// SIGPIPE stays ignored.
void enter_worker_signals(const sigset_t& mask) noexcept;

/// Called in a worker that was forked from a process which had done the above: makes it the worker
/// that the handlers mean, and leaves those alone that the application has set since.
void inherit_worker_signals() noexcept;

/// `install` gives `signal` a handler of appd's; `leave_own_signals` puts back what was there. By
/// one thread, for two signals at most.
void install_own_handler(int signal, const std::function<void()>& install);

/// In a process that the application has forked: takes appd's handlers away. Async-signal-safe.
void leave_own_signals() noexcept;

}  // namespace appd::support
