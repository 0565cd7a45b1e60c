// The embedded CPython interpreter.
#pragma once

#include <string>

#include "runtime/python/python_options.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// CPython as python(1) would start it, with these differences: there are no signal handlers,
/// sys.argv is ["appd"], sys.executable is the python of the virtual environment or the one that
/// appd was built with, stdout is line-buffered, threads switch every millisecond instead of every
/// five, faulthandler is enabled, and sys.path begins with the given entries and the working
/// directory. PYTHON* variables of the environment count, since an operator sets them on purpose.
class Interpreter {
 public:
  /// Makes the calling thread Python's main thread, holding the interpreter. Throws StartError.
  explicit Interpreter(const PythonOptions& options);
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  /// Ends CPython; holding the interpreter. False if flushing failed.
  bool finalize() noexcept;

  static std::string version();
};

}  // namespace appd::python
