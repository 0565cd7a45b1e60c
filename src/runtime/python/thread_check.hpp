// Checks that `threading` still starts real threads after the import.
#pragma once

#include <string>

namespace appd::python {

/// Starts a thread through `threading` and checks that it is a real one. Throws LoadError that
/// names what `application` has put in the place of threads. On the main thread, holding the
/// interpreter. (The code is Python: thread_check.py, built in.)
void require_real_threads(const std::string& application);

}  // namespace appd::python
