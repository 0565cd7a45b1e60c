#pragma once

#include <string_view>

#include "runtime/gateway/reporter.hpp"
#include "runtime/python/errors.hpp"

namespace appd::python {

// For processes that the application has forked (support::forked_by_application) and that come back
// into appd: the connections, the queue and the threads of a worker are its parent's.

/// Says so in one line and ends this process, with code 1. `where`: "GET /path", "exit handlers".
/// `exception`: what it came back with; "": it returned.
[[noreturn]] void end_forked_child(gateway::Reporter& reporter, std::string_view where,
                                   std::string_view exception = {}) noexcept;

/// The same with the exception that is pending, if one is: SystemExit gives its own code. Holding
/// the interpreter.
[[noreturn]] void end_forked_child_as_pending(gateway::Reporter& reporter,
                                              std::string_view where) noexcept;

/// Raises RuntimeError: `what`, such as "wsgi.input", is not this process's.
[[noreturn]] void raise_of_parent(const char* what);

}  // namespace appd::python
