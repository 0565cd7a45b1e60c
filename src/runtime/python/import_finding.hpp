// A finding about an import in a process that will fork.
#pragma once

#include <string>

namespace appd::python {

/// What an import has left running or open in a process that will fork.
struct ImportFinding {
  /// A sentence: what it is, whose it is, and what becomes of it in the children.
  std::string text;
  bool harmless = false;  ///< its owner takes care of it at a fork
};

}  // namespace appd::python
