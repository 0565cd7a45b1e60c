#pragma once

#include <functional>
#include <vector>

#include "runtime/python/ref.hpp"
#include "runtime/python/wsgi_application.hpp"

namespace appd::python {

/// The pool threads of a worker: Python threads, started through `threading` so that they have
/// names, thread-locals, tracing and profiling as any other. They are daemon threads, and so are by
/// default the threads that an application starts in them: neither can hold up the interpreter's
/// end.
///
/// Used on the worker's main thread, holding the interpreter.
class PoolThreads {
 public:
  /// `run` is called on each thread with its index, without the interpreter.
  PoolThreads(const WsgiApplication& application, std::function<void(unsigned)> run)
      : application_(application), run_(std::move(run)) {}
  /// All threads must have ended.
  ~PoolThreads() = default;
  PoolThreads(const PoolThreads&) = delete;
  PoolThreads& operator=(const PoolThreads&) = delete;

  /// Starts one more; throws PythonError.
  void start_one();
  /// Waits until every `run` has returned, giving the interpreter up meanwhile.
  void join();

 private:
  static PyObject* run_slot(PyObject* capsule, PyObject* index) noexcept;

  const WsgiApplication& application_;
  const std::function<void(unsigned)> run_;
  std::vector<Ref> threads_;
};

}  // namespace appd::python
