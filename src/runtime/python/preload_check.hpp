#pragma once

#include <string>
#include <vector>

#include "runtime/python/built_in.hpp"

namespace appd::python {

/// Finds what the import of an application has left that a fork would tear: threads, and sockets
/// that were not open when this was made. (The code is Python: preload_check.py, built in.)
///
/// Made, used and destroyed holding the interpreter.
class PreloadCheck {
 public:
  /// Throws PythonError.
  PreloadCheck();

  /// A sentence for each of them. Throws PythonError, in particular without /proc.
  std::vector<std::string> findings() const;

 private:
  const BuiltIn code_;
  const Ref sockets_before_;
};

}  // namespace appd::python
