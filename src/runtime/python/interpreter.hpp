#pragma once

#include <string>

#include "runtime/python/python_runtime.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// CPython itself, as python(1) would start it, but for these: no signal handlers, sys.argv is
/// ["appd"], sys.executable is the python of the virtual environment or the one that appd was built
/// with, stdout is line-buffered, threads switch every millisecond instead of every five,
/// faulthandler is enabled, and sys.path begins with the given entries and the working directory.
/// PYTHON* variables of the environment are honoured, as an operator sets them on purpose.
class Interpreter {
 public:
  /// The thread that calls is Python's main thread from now on, and holds the interpreter. Throws
  /// StartError.
  explicit Interpreter(const PythonOptions& options);
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  /// Ends it; holding it. False when flushing failed.
  bool finalize() noexcept;

  static std::string version();
};

}  // namespace appd::python
