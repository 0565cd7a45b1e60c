#pragma once

#include <string>

#include "runtime/python/application_name.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// What may be behind an import that has failed with `exception`, as the end of a message ("; did
/// you mean mysite.wsgi:application?"), or nothing. On the main thread, holding the interpreter,
/// with no exception pending; none is afterwards.
std::string import_hint(const ApplicationName& name, PyObject* exception) noexcept;

}  // namespace appd::python
