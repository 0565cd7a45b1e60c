// Includes Python.h, and hides differences between versions of CPython.
#pragma once

/// The only way to Python.h, and the only place that knows the minor version in which a function
/// appeared. Uses CPython's public C API only, 3.10 and newer; the one exception says so.
///
/// Deferred annotations (3.14) make no difference: nothing here reads annotations. Nor does remote
/// debugging (3.14), which is as Python is told: docs/security.md.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <atomic>

#if PY_VERSION_HEX < 0x030A0000
#error "CPython 3.10 or newer is needed"
#endif
#ifdef Py_GIL_DISABLED
#error "free-threaded builds of CPython are not supported: build with one that has a GIL"
#endif

namespace appd::python::compat {

/// True if this thread holds an interpreter. For assertions.
inline bool interpreter_held() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
  return PyThreadState_GetUnchecked() != nullptr;
#else
  return PyGILState_Check() != 0;  // only asks; true wherever it cannot know (subinterpreters)
#endif
}

/// True if that thread state has the interpreter now. Any thread, without the interpreter; the
/// state must not be freed meanwhile.
///
/// No documented function tells this of another thread. Up to 3.11 an exported one does. Since 3.12
/// it tells only of the calling thread, but each thread state has a mark: its thread sets it right
/// after it has taken the interpreter, and clears it right before the release. The mark has the
/// same name in the public headers of 3.12 to 3.15, so the compiler knows where it is. The table of
/// offsets for profilers (_Py_DebugOffsets) exists since 3.13 only, and is not in these headers.
///
/// CPython writes the mark with a plain store. It lies in one aligned word, so a load on another
/// thread finds it set or cleared.
inline bool has_interpreter(PyThreadState& state) noexcept {
#if PY_VERSION_HEX >= 0x030C0000
  return std::atomic_ref(state._status).load(std::memory_order_relaxed).active != 0;
#else
  return _PyThreadState_UncheckedGet() == &state;
#endif
}

/// Takes the pending exception, as an instance with its traceback, and clears it; null if there is
/// none. A new reference.
inline PyObject* take_raised() noexcept {
#if PY_VERSION_HEX >= 0x030C0000
  return PyErr_GetRaisedException();
#else
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return nullptr;
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_DECREF(type);
  Py_XDECREF(traceback);
  return value;
#endif
}

/// Makes `exception` pending again with its traceback. Takes over the reference.
inline void raise_again(PyObject* exception) noexcept {
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(exception);
#else
  PyObject* type = Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception)));
  PyErr_Restore(type, exception, PyException_GetTraceback(exception));
#endif
}

/// The attribute as a new reference, or null. If it is null for another reason than AttributeError,
/// an exception is pending.
inline PyObject* optional_attribute(PyObject* object, PyObject* name) noexcept {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* found = nullptr;
  PyObject_GetOptionalAttr(object, name, &found);
  return found;
#else
  PyObject* found = PyObject_GetAttr(object, name);
  if (found == nullptr && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
  return found;
#endif
}

/// True if the caller's `owned` references are all there are, so that nobody else can get at the
/// object.
inline bool has_no_others([[maybe_unused]] PyObject* object,
                          [[maybe_unused]] Py_ssize_t owned) noexcept {
#ifdef Py_GIL_DISABLED
  return false;  // another thread may be about to take one
#else
  return Py_REFCNT(object) == owned;
#endif
}

/// −1 with an exception pending if a string of the old, undecided kind cannot be made ready.
inline int make_ready([[maybe_unused]] PyObject* text) noexcept {
#if PY_VERSION_HEX >= 0x030C0000
  return 0;
#else
  return PyUnicode_READY(text);
#endif
}

}  // namespace appd::python::compat
