#pragma once

#include "runtime/python/python_compat.hpp"

namespace appd::python {

/// Holds the interpreter for its lifetime, with the calling thread's own thread state. The thread
/// must not hold it already.
class GilGuard {
 public:
  explicit GilGuard(PyThreadState* own_state) noexcept { PyEval_RestoreThread(own_state); }
  ~GilGuard() { PyEval_SaveThread(); }
  GilGuard(const GilGuard&) = delete;
  GilGuard& operator=(const GilGuard&) = delete;
};

/// Gives the interpreter up for its lifetime: round everything that may wait or take long. Works on
/// any thread that holds it, also on those that an application has started.
class GilRelease {
 public:
  GilRelease() noexcept : state_(PyEval_SaveThread()) {}
  ~GilRelease() { PyEval_RestoreThread(state_); }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

  /// The state of the thread that released.
  PyThreadState* state() const noexcept { return state_; }

 private:
  PyThreadState* state_;
};

}  // namespace appd::python
