#pragma once

#include <exception>
#include <new>
#include <string>

#include "runtime/python/ref.hpp"

namespace appd::python {

/// A Python exception is pending on this thread. Carries nothing: the interpreter has it.
class PythonError : public std::exception {
 public:
  const char* what() const noexcept override { return "a Python exception is pending"; }
};

/// A new reference that is not null.
inline Ref checked(PyObject* new_reference) {
  if (new_reference == nullptr) throw PythonError();
  return Ref::steal(new_reference);
}

/// The result of a function that says −1 for an error.
inline int checked(int result) {
  if (result < 0) throw PythonError();
  return result;
}

/// Makes an exception pending (format as for PyErr_Format) and throws PythonError.
template <typename... Arguments>
[[noreturn]] void raise(PyObject* type, const char* format, Arguments... arguments) {
  PyErr_Format(type, format, arguments...);
  throw PythonError();
}

/// The body of a C slot: runs `body` and turns C++ exceptions into a pending Python one and
/// `failed`.
template <typename Result, typename Body>
Result guarded(Result failed, Body&& body) noexcept {
  try {
    return body();
  } catch (const PythonError&) {
    return failed;
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return failed;
}

/// For slots that give a new reference.
template <typename Body>
PyObject* guarded(Body&& body) noexcept {
  return guarded<PyObject*>(nullptr, [&] { return body().release(); });
}

inline Ref none() noexcept {
  return Ref::borrow(Py_None);
}

/// `text` as UTF-8; what UTF-8 cannot hold (lone surrogates) as backslash escapes.
std::string to_utf8(PyObject* text);

/// A Python exception in words.
struct Failure {
  std::string line;       ///< "ValueError: no such thing", one line
  std::string traceback;  ///< as Python prints it, lines ending in "\n"
};

/// Describes an exception instance. Never raises; what cannot be had is left out.
Failure describe(PyObject* exception) noexcept;

/// Describes the pending exception, which is pending no longer.
Failure take_failure() noexcept;

}  // namespace appd::python
