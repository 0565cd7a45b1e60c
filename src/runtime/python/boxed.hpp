// Python objects that hold a C++ value.
#pragma once

#include <memory>
#include <new>
#include <utility>

#include "runtime/python/errors.hpp"

namespace appd::python {

/// A Python object that holds a C++ value.
template <typename Value>
struct Boxed {
  PyObject_HEAD Value value;
};

template <typename Value>
Value& unboxed(PyObject* object) noexcept {
  return reinterpret_cast<Boxed<Value>*>(object)->value;
}

/// Makes an object of a heap type whose `dealloc_boxed<Value>` is set. The value's constructor must
/// not throw. For types without garbage collection: the value must not own a Python object that
/// could own it.
template <typename Value, typename... Arguments>
Ref make_boxed(PyObject* type, Arguments&&... arguments) {
  auto* const object = PyObject_New(Boxed<Value>, reinterpret_cast<PyTypeObject*>(type));
  if (object == nullptr) throw PythonError();
  static_assert(noexcept(Value(std::forward<Arguments>(arguments)...)));
  new (&object->value) Value(std::forward<Arguments>(arguments)...);
  return Ref::steal(reinterpret_cast<PyObject*>(object));
}

template <typename Value>
void dealloc_boxed(PyObject* object) noexcept {
  PyTypeObject* const type = Py_TYPE(object);
  std::destroy_at(&unboxed<Value>(object));
  PyObject_Free(object);
  Py_DECREF(type);  // instances of heap types own a reference to their type
}

/// For PyType_Slot and PyMethodDef, which store every function under another type than its own.
template <typename Function>
void* slot(Function* function) noexcept {
  return reinterpret_cast<void*>(function);
}

template <typename Function>
PyCFunction method(Function* function) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function));
}

}  // namespace appd::python
