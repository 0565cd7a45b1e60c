#pragma once

#include <vector>

#include "runtime/python/built_in.hpp"
#include "runtime/python/python_runtime.hpp"

namespace appd::python {

/// Finds what the import of an application has left that a fork would tear: threads, and sockets
/// that were not open when this was made. (The code is Python: preload_check.py, built in.)
///
/// Made before the import, used and destroyed after it, holding the interpreter.
class PreloadCheck {
 public:
  /// Throws PythonError.
  PreloadCheck();

  /// Throws PythonError, in particular without /proc. Forks once for a trial when there are threads
  /// of C libraries; Python's hooks are not run for that.
  std::vector<ImportFinding> findings() const;

 private:
  const BuiltIn code_;
  const Ref sockets_before_;
  const Ref watch_;  // over the import
};

}  // namespace appd::python
