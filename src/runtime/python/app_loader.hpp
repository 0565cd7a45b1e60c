// Loads the WSGI callable that --module names.
#pragma once

#include <string>

#include "runtime/python/ref.hpp"

namespace appd::python {

/// Imports the application that `text` names (see ApplicationName) and returns its callable. On the
/// main thread, holding the interpreter. For a file, its directory becomes the first entry of
/// sys.path, as python(1) does for a script. Throws LoadError; then no Python exception is pending,
/// whatever the application raised.
Ref load_application(const std::string& text);

}  // namespace appd::python
