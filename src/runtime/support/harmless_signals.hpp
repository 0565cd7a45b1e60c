#pragma once

namespace appd::support {

/// What ends or stops a process that does not expect it, but says nothing of the process's state:
/// timers, other programs' customs, and all real-time signals. Not among them: faults (SIGSEGV),
/// limits that were set (SIGXCPU), what a terminal does to a job in the foreground (SIGTSTP), and
/// what appd obeys.
bool is_harmless(int signal) noexcept;

}  // namespace appd::support
