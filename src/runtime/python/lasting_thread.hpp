// A thread that holds the end of Python up.
#pragma once

#include <string>

namespace appd::python {

/// A thread that Python waits for at its end.
struct LastingThread {
  unsigned long number = 0;  ///< threading's `ident`
  std::string name;          ///< one line
};

}  // namespace appd::python
