#pragma once

#include <csignal>

namespace appd::supervisor {

/// Called once in a forked worker, before anything else runs in it: turns the master's signal
/// handling into a worker's, then puts `mask` in force.
///
/// Terminals and service managers send SIGINT, SIGTERM, SIGQUIT and SIGHUP to the workers too;
/// those are the master's to answer, so here they do nothing until the worker says otherwise.
/// SIGPIPE stays ignored.
void enter_worker_signals(const sigset_t& mask) noexcept;

}  // namespace appd::supervisor
