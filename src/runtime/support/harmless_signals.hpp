// Tells signals that mean trouble from those that somebody merely sent.
#pragma once

namespace appd::support {

/// Whether `signal` ends or stops an unprepared process but says nothing of that process's state:
/// timers, customs of other programs, all real-time signals. Excluded are faults (SIGSEGV), limits
/// that were set (SIGXCPU), job control (SIGTSTP), and the signals that appd obeys.
bool is_harmless(int signal) noexcept;

}  // namespace appd::support
