// Checks whether a process can be forked after an import.
#pragma once

#include <vector>

#include "runtime/python/built_in.hpp"
#include "runtime/python/import_finding.hpp"

namespace appd::python {

/// Finds what an import has left that does not survive a fork: threads, and sockets that were not
/// open when this was made. (The code is Python: preload_check.py, built in.)
///
/// Made before the import; used and destroyed after it. Holding the interpreter.
class PreloadCheck {
 public:
  /// Throws PythonError.
  PreloadCheck();

  /// Throws PythonError, for example if there is no /proc. If C libraries have threads, forks once
  /// as a trial, without Python's hooks.
  std::vector<ImportFinding> findings() const;

 private:
  const BuiltIn code_;
  const Ref sockets_before_;
  const Ref watch_;  // lasts through the import
};

}  // namespace appd::python
