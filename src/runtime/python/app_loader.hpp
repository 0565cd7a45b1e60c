#pragma once

#include <string>

#include "runtime/python/python_runtime.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// Imports the application that `text` names (see ApplicationName) and gives its callable. On the
/// main thread, holding the interpreter. A file's directory is put in front of sys.path, as
/// python(1) does for a script. Throws LoadError; no Python exception is pending then, whatever the
/// application raised.
Ref load_application(const std::string& text);

}  // namespace appd::python
