// A Python function bound to an object of the bridge.
#pragma once

#include <utility>

#include "runtime/python/errors.hpp"

namespace appd::python {

/// An object that a call lends to the application, with a function bound to it.
class BoundFunction {
 public:
  /// Empty.
  BoundFunction() noexcept = default;
  /// `method` must outlive the function.
  BoundFunction(Ref object, PyMethodDef& method)
      : object_(std::move(object)), function_(checked(PyCFunction_New(&method, object_.get()))) {}

  explicit operator bool() const noexcept { return static_cast<bool>(object_); }
  const Ref& object() const noexcept { return object_; }
  const Ref& function() const noexcept { return function_; }

  /// True if nobody else refers to either: both may be lent again.
  bool given_back() const noexcept {
    constexpr Py_ssize_t kOurs = 1;
    constexpr Py_ssize_t kOursAndTheFunctions = 2;
    auto* const function = reinterpret_cast<PyCFunctionObject*>(function_.get());
    return compat::has_no_others(function_.get(), kOurs) && function->m_weakreflist == nullptr &&
           compat::has_no_others(object_.get(), kOursAndTheFunctions);
  }

 private:
  Ref object_;
  Ref function_;
};

}  // namespace appd::python
