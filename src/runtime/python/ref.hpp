// The owner of a reference to a Python object.
#pragma once

#include <cassert>
#include <utility>

#include "runtime/python/python_compat.hpp"

namespace appd::python {

/// Owns one reference to a Python object, or none. Only `steal` and `borrow` make one. Made, copied
/// and destroyed holding the interpreter.
class Ref {
 public:
  Ref() noexcept = default;
  /// Takes over a new reference; null stays null.
  static Ref steal(PyObject* object) noexcept { return Ref(object); }
  /// Adds a reference to an object that somebody else owns; null stays null.
  static Ref borrow(PyObject* object) noexcept {
    assert(object == nullptr || compat::interpreter_held());
    return Ref(Py_XNewRef(object));
  }

  Ref(Ref&& other) noexcept : object_(other.release()) {}
  Ref& operator=(Ref&& other) noexcept {
    Ref old(std::exchange(object_, other.release()));
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() {
    assert(object_ == nullptr || compat::interpreter_held());
    Py_XDECREF(object_);
  }

  PyObject* get() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  [[nodiscard]] PyObject* release() noexcept { return std::exchange(object_, nullptr); }
  void reset() noexcept { Ref old(release()); }

 private:
  explicit Ref(PyObject* object) noexcept : object_(object) {}

  PyObject* object_ = nullptr;
};

}  // namespace appd::python
