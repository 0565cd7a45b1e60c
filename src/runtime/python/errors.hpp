// Moves errors between C++ exceptions and Python's pending exception.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "runtime/python/ref.hpp"

namespace appd::python {

/// A Python exception is pending on this thread. Carries no data: the interpreter has the
/// exception.
class PythonError : public std::exception {
 public:
  const char* what() const noexcept override { return "a Python exception is pending"; }
};

/// Takes a new reference; throws PythonError if it is null.
inline Ref checked(PyObject* new_reference) {
  if (new_reference == nullptr) throw PythonError();
  return Ref::steal(new_reference);
}

/// Takes the result of a function that returns −1 on error; throws PythonError then.
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

/// The body of a C slot: runs `body`. On a C++ exception, makes a Python exception pending and
/// returns `failed`.
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

/// For slots that return a new reference.
template <typename Body>
PyObject* guarded(Body&& body) noexcept {
  return guarded<PyObject*>(nullptr, [&] { return body().release(); });
}

inline Ref none() noexcept {
  return Ref::borrow(Py_None);
}

/// `text` as UTF-8; characters that UTF-8 cannot encode (lone surrogates) become backslash escapes.
std::string to_utf8(PyObject* text);

/// A Python exception in words.
struct Failure {
  std::string line;       ///< "ValueError: no such thing", one line
  std::string traceback;  ///< as Python prints it, lines ending in "\n"
};

/// Describes an exception instance. Never raises; leaves out what cannot be obtained.
Failure describe(PyObject* exception) noexcept;

/// Describes the pending exception and clears it.
Failure take_failure() noexcept;

}  // namespace appd::python
