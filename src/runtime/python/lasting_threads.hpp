// Threads that keep Python from ending.
#pragma once

#include <vector>

#include "runtime/python/lasting_thread.hpp"

namespace appd::python {

/// The threads that Python waits for at its end: all that are alive and not daemons, except the
/// main thread. Holding the interpreter. Throws PythonError.
std::vector<LastingThread> lasting_threads();

}  // namespace appd::python
