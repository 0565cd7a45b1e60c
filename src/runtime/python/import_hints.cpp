// Guesses the cause of a failed import: wrong name, unreadable folder, missing virtualenv.

#include "runtime/python/import_hints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string_view>

#include "runtime/python/errors.hpp"
#include "runtime/python/unreadable.hpp"

namespace appd::python {
namespace {

bool is_kind_of(PyObject* exception, PyObject* type) {
  return PyErr_GivenExceptionMatches(exception, type) != 0;
}

/// The module of a dotted name if it was imported (a borrowed reference), or null.
PyObject* imported(const std::string& name) {
  return PyDict_GetItemString(PyImport_GetModuleDict(), name.c_str());
}

/// Whether `names`, such as "holder.application", lead to an object in `module`.
bool has(PyObject* module, std::string_view names) {
  Ref object = Ref::borrow(module);
  while (!names.empty()) {
    const std::string_view one = names.substr(0, names.find('.'));
    names.remove_prefix(std::min(one.size() + 1, names.size()));
    const Ref key =
        checked(PyUnicode_FromStringAndSize(one.data(), static_cast<Py_ssize_t>(one.size())));
    object = Ref::steal(compat::optional_attribute(object.get(), key.get()));
    if (!object) return false;
  }
  return true;
}

/// mysite.wsgi.application is how Python, and Django's settings, name an object.
std::string object_for_module(const ApplicationName& name) {
  if (!name.object.empty()) return "";
  for (std::size_t dot = name.module.rfind('.'); dot != std::string::npos && dot > 0;
       dot = name.module.rfind('.', dot - 1)) {
    const std::string module = name.module.substr(0, dot);
    const std::string object = name.module.substr(dot + 1);
    PyObject* const found = imported(module);
    if (found != nullptr && has(found, object))
      return fmt::format("; did you mean {}:{}?", module, object);
  }
  return "";
}

/// A folder in which Python looked for the module but could not read.
std::string unreadable_folder(PyObject* not_found) {
  PyObject* const path = PySys_GetObject("path");  // borrowed
  const Ref missing = checked(PyObject_GetAttrString(not_found, "name"));
  if (path == nullptr || !PyList_Check(path) || !PyUnicode_Check(missing.get())) return "";
  const std::string module = to_utf8(missing.get());
  const std::string first = module.substr(0, module.find('.'));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(path); ++i) {
    PyObject* const entry = PyList_GET_ITEM(path, i);
    if (!PyUnicode_Check(entry)) continue;
    std::string hint = unreadable(std::filesystem::path(to_utf8(entry)) / first);
    if (!hint.empty()) return hint;
  }
  return "";
}

std::string unreadable_file(PyObject* exception) {
  const Ref file = checked(PyObject_GetAttrString(exception, "filename"));
  return PyUnicode_Check(file.get()) ? unreadable(to_utf8(file.get())) : "";
}

/// A shell with an active environment passes the variable to everything it starts.
std::string unused_virtualenv() {
  const char* const directory = std::getenv("VIRTUAL_ENV");
  if (directory == nullptr || *directory == '\0') return "";
  const Ref sys = checked(PyImport_ImportModule("sys"));
  const Ref prefix = checked(PyObject_GetAttrString(sys.get(), "prefix"));
  const Ref base = checked(PyObject_GetAttrString(sys.get(), "base_prefix"));
  if (checked(PyObject_RichCompareBool(prefix.get(), base.get(), Py_NE)) != 0) return "";
  return fmt::format(
      "; VIRTUAL_ENV is {0}, but appd uses no virtual environment: add --virtualenv {0}",
      directory);
}

std::string hint_for(const ApplicationName& name, PyObject* exception) {
  if (is_kind_of(exception, PyExc_PermissionError)) return unreadable_file(exception);
  if (!is_kind_of(exception, PyExc_ModuleNotFoundError)) return "";
  std::string hint = object_for_module(name);
  if (hint.empty()) hint = unreadable_folder(exception);
  return hint.empty() ? unused_virtualenv() : hint;
}

}  // namespace

std::string import_hint(const ApplicationName& name, PyObject* exception) noexcept {
  try {
    return hint_for(name, exception);
  } catch (const PythonError&) {
    PyErr_Clear();  // the application may have replaced what is looked at
    return "";
  } catch (const std::exception&) {
    return "";
  }
}

}  // namespace appd::python
