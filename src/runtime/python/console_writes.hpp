#pragma once

#include <cstdint>

namespace appd::python {

/// What Python code writes to sys.stdout and sys.stderr, or wsgi.errors, is for the log: who
/// answers with an error and has written nothing leaves no trace. Only that something was written
/// counts.

/// From now on the writes to what sys.stdout and sys.stderr are now count; a stream that cannot be
/// watched is left as it is. Holding the interpreter.
void watch_console() noexcept;

/// Counts a write. Any thread.
void count_console_write() noexcept;

/// The writes so far. Any thread.
std::uint64_t console_writes() noexcept;

}  // namespace appd::python
