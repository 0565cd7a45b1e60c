// Describes Python exceptions without raising another one.

#include "runtime/python/errors.hpp"

#include <string_view>

namespace appd::python {
namespace {

/// Cuts after the first line, whatever an exception's text contains.
std::string first_line(std::string text) {
  const auto end = text.find_first_of("\r\n");
  if (end != std::string::npos) text.erase(end);
  return text;
}

std::string line_of(PyObject* exception) {
  std::string line = Py_TYPE(exception)->tp_name;
  const Ref text = checked(PyObject_Str(exception));
  const std::string message = first_line(to_utf8(text.get()));
  if (!message.empty()) line += ": " + message;
  return line;
}

std::string traceback_of(PyObject* exception) {
  const Ref module = checked(PyImport_ImportModule("traceback"));
  const Ref parts = checked(PyObject_CallMethod(module.get(), "format_exception", "O", exception));
  const Ref nothing = checked(PyUnicode_FromString(""));
  const Ref text = checked(PyUnicode_Join(nothing.get(), parts.get()));
  return to_utf8(text.get());
}

/// Runs `make`. If it raises, drops the exception and returns `otherwise`.
template <typename Make>
std::string or_else(Make make, const char* otherwise) {
  try {
    return make();
  } catch (const PythonError&) {
    PyErr_Clear();
    return otherwise;
  }
}

}  // namespace

std::string to_utf8(PyObject* text) {
  const Ref bytes = checked(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
  return {PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))};
}

Failure describe(PyObject* exception) noexcept {
  Failure failure;
  failure.line = or_else([&] { return line_of(exception); }, Py_TYPE(exception)->tp_name);
  failure.traceback = or_else([&] { return traceback_of(exception); }, "");
  return failure;
}

Failure take_failure() noexcept {
  const Ref exception = Ref::steal(compat::take_raised());
  return exception ? describe(exception.get()) : Failure{"no exception", ""};
}

}  // namespace appd::python
