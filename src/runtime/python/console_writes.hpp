// Counts what Python code writes for the log, to find errors without a trace.
#pragma once

#include <cstdint>

namespace appd::python {

// An application that responds with an error should have written why to sys.stdout, sys.stderr or
// wsgi.errors. Only the fact that something was written counts.

/// Counts writes to the present sys.stdout and sys.stderr from now on. Leaves a stream as it is if
/// it cannot be watched. Holding the interpreter.
void watch_console() noexcept;

/// Counts a write. Any thread.
void count_console_write() noexcept;

/// The number of writes so far. Any thread.
std::uint64_t console_writes() noexcept;

}  // namespace appd::python
