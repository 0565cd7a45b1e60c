// The interpreter of a worker, whichever program has started it.
#pragma once

#include <string>

#include "runtime/python/python_options.hpp"

namespace appd::python {

/// Prepares the interpreter for an application: sys.argv is ["appd"], stdout is line-buffered,
/// threads switch every millisecond instead of every five, faulthandler is enabled, and sys.path
/// begins with the given entries and the working directory. All else is as python(1) has it. On
/// Python's main thread, holding the interpreter. Throws StartError.
void prepare_interpreter(const PythonOptions& options);

/// Takes Python's own handler of SIGINT away, so that an application finds the default action, as
/// it does for all other signals. Call it before appd installs handlers: an application could not
/// restore a handler that Python has not set. On Python's main thread, holding the interpreter.
/// Throws StartError.
void leave_interrupts_to_the_system();

/// "3.11.2"
std::string interpreter_version();

}  // namespace appd::python
