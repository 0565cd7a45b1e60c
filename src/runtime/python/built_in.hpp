// Python code that is part of the binary.
#pragma once

#include <initializer_list>

#include "runtime/python/ref.hpp"

namespace appd::python {

/// A part of appd that is written in Python and built into the binary. It is not a module: nobody
/// can import it, and it disappears with this object.
///
/// Made, used and destroyed holding the interpreter.
class BuiltIn {
 public:
  /// Runs the code. `name` is the file name for tracebacks. Throws PythonError.
  BuiltIn(const char* name, const char* code);

  /// Calls one of its functions. Throws PythonError.
  Ref call(const char* function, std::initializer_list<PyObject*> arguments = {}) const;

 private:
  PyObject* function(const char* name) const;

  const Ref names_;  // the code's globals
};

}  // namespace appd::python
