// Guards that take and release the interpreter.
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

/// Releases the interpreter for its lifetime. Use it around everything that may wait or take long.
/// Works on any thread that holds the interpreter, also on the application's own.
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
