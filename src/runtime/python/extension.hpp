// The extension module appd._worker, which makes any Python a worker program.
#pragma once

namespace appd::python {

/// The module, with its one function `run(start_file)`: it calls `run`, which does not return. For
/// a PyInit function, which returns a PyObject*; null with a Python exception pending if it fails.
/// (Python.h stays in this folder.)
void* make_extension(void (*run)(int start_file));

}  // namespace appd::python
