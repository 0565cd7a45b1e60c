// How log lines describe ends of processes and signals.
#pragma once

#include <chrono>
#include <span>
#include <string>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/support/signals.hpp"

namespace appd::supervisor {

/// How a process ended, from waitpid's status: "exited with code 3", "was killed by SIGSEGV (core
/// dumped)".
std::string describe_exit(int wait_status);

/// "GET /slow (thread 2, 3.2 s), POST /form (thread 4, 0.1 s)", with control bytes escaped. "" if
/// there are none.
std::string describe_requests(std::span<const ipc::RunningRequest> requests);

/// "3.2 s"
std::string describe_duration(std::chrono::nanoseconds duration);

/// "1 worker", "3 workers"
std::string describe_workers(unsigned workers);

/// "SIGTERM", "SIGRTMIN+3"
std::string describe_signal(int signal);

/// "sent by process 812 (bash), user 0"; "sent by the kernel"
std::string describe_sender(const support::ReceivedSignal& signal);

}  // namespace appd::supervisor
