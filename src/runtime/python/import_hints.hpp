// Hints for imports that failed.
#pragma once

#include <string>

#include "runtime/python/application_name.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// The likely cause of an import that failed with `exception`, as the end of a message ("; did you
/// mean mysite.wsgi:application?"), or "". On the main thread, holding the interpreter, with no
/// exception pending, before and after.
std::string import_hint(const ApplicationName& name, PyObject* exception) noexcept;

}  // namespace appd::python
