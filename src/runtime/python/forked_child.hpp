// Ends processes that the application forked and that return into appd.
#pragma once

#include <string_view>

#include "runtime/gateway/reporter.hpp"
#include "runtime/python/errors.hpp"

namespace appd::python {

// For processes that the application has forked (support::forked_by_application) and that return
// into appd. A worker's connections, queue and threads belong to the parent.

/// Logs one line and ends this process with code 1. `where` is "GET /path" or "exit handlers".
/// `exception` is what it returned with; "" if it returned normally.
[[noreturn]] void end_forked_child(gateway::Reporter& reporter, std::string_view where,
                                   std::string_view exception = {}) noexcept;

/// The same with the pending exception, if there is one; SystemExit sets its own exit code. Holding
/// the interpreter.
[[noreturn]] void end_forked_child_as_pending(gateway::Reporter& reporter,
                                              std::string_view where) noexcept;

/// Raises RuntimeError: `what`, such as "wsgi.input", belongs to another process.
[[noreturn]] void raise_of_parent(const char* what);

}  // namespace appd::python
