#pragma once

#include <string>

namespace appd::python {

/// Starts a thread as `threading` does, and sees that it is one. Throws LoadError, which says what
/// `application` has put in the place of threads. On the main thread, holding the interpreter.
/// (The code is Python: thread_check.py, built in.)
void require_real_threads(const std::string& application);

}  // namespace appd::python
