// The CPython that is linked into a program.
#pragma once

namespace appd::python {

/// Starts the linked CPython as the distribution's python3 would start, with its standard library
/// and packages. PYTHON* variables of the environment count. The calling thread becomes Python's
/// main thread and holds the interpreter. Once per process. Throws StartError.
void start_embedded_python();

}  // namespace appd::python
