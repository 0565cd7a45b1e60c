#pragma once

#include <initializer_list>

#include "runtime/python/ref.hpp"

namespace appd::python {

/// A part of appd that is Python code, built into the binary. No module: nobody can import it, and
/// nothing of it stays when this is gone.
///
/// Made, used and destroyed holding the interpreter.
class BuiltIn {
 public:
  /// Runs the code. `name`: of its file, for tracebacks. Throws PythonError.
  BuiltIn(const char* name, const char* code);

  /// Calls a function of it; throws PythonError.
  Ref call(const char* function, std::initializer_list<PyObject*> arguments = {}) const;

 private:
  PyObject* function(const char* name) const;

  const Ref names_;  // the code's globals
};

}  // namespace appd::python
