// The pool's threads as Python sees them.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/python/ref.hpp"
#include "runtime/python/running_call.hpp"
#include "runtime/python/wsgi_application.hpp"

namespace appd::python {

class PoolThread;

/// The pool threads of a worker. They are Python threads, started through `threading`, so they have
/// names, thread-locals, tracing and profiling like any other. They are not daemon threads: threads
/// started by the application inherit that property, and their work would be cut off at the end.
///
/// Used on the worker's main thread, holding the interpreter.
class PoolThreads {
 public:
  /// `run` is called on each thread with its index, without the interpreter.
  PoolThreads(const WsgiApplication& application, unsigned threads,
              std::function<void(unsigned)> run)
      : application_(application), run_(std::move(run)), places_(threads) {}
  /// All threads must have ended.
  ~PoolThreads() = default;
  PoolThreads(const PoolThreads&) = delete;
  PoolThreads& operator=(const PoolThreads&) = delete;

  /// Starts one more thread. Throws PythonError.
  void start_one();
  /// Waits, without the interpreter, until every `run` has returned.
  void join();

  /// The kernel's id of a thread; 0 if it does not run. Any thread.
  pid_t kernel_id(unsigned index) const noexcept { return places_[index].kernel_id.load(); }
  /// The thread that has the interpreter now. std::nullopt if no thread of the pool has it. Any
  /// thread, without the interpreter.
  std::optional<unsigned> holder() const noexcept;
  /// Raises appd.RequestTimeout in that call, if it has not ended. Any thread that holds the
  /// interpreter.
  void interrupt(const RunningCall& call) noexcept;

 private:
  /// Where to find a thread while it runs.
  struct Place {
    std::atomic<pid_t> kernel_id{0};
    PyThreadState* state = nullptr;  // guarded by state_mutex_
    PoolThread* thread = nullptr;    // set holding the interpreter
  };
  class Presence;

  static PyObject* run_slot(PyObject* capsule, PyObject* index) noexcept;

  const WsgiApplication& application_;
  const std::function<void(unsigned)> run_;
  std::vector<Place> places_;
  mutable std::mutex state_mutex_;  // while it is held, no thread frees its state
  std::vector<Ref> threads_;
};

}  // namespace appd::python
