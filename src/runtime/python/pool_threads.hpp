#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <optional>
#include <vector>

#include "runtime/python/ref.hpp"
#include "runtime/python/running_call.hpp"
#include "runtime/python/wsgi_application.hpp"

namespace appd::python {

class PoolThread;

/// The pool threads of a worker: Python threads, started through `threading` so that they have
/// names, thread-locals, tracing and profiling as any other. They are no daemon threads, since a
/// thread that an application starts in one inherits that, and its work would be cut at the end.
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

  /// Starts one more; throws PythonError.
  void start_one();
  /// Waits until every `run` has returned, giving the interpreter up meanwhile.
  void join();

  /// The kernel's number of a thread; 0: it does not run. Any thread.
  pid_t kernel_id(unsigned index) const noexcept { return places_[index].kernel_id.load(); }
  /// Which of them has the interpreter now; kOtherThread: none of them, but one has. None if nobody
  /// has it, or CPython does not tell. Any thread.
  std::optional<unsigned> holder() const noexcept;
  /// Raises appd.RequestTimeout in that call, if it has not ended. Any thread that holds the
  /// interpreter.
  void interrupt(const RunningCall& call) noexcept;

 private:
  /// Where a thread can be found while it runs.
  struct Place {
    std::atomic<pid_t> kernel_id{0};
    std::atomic<const PyThreadState*> state{nullptr};
    PoolThread* thread = nullptr;  // set holding the interpreter
  };
  class Presence;

  static PyObject* run_slot(PyObject* capsule, PyObject* index) noexcept;

  const WsgiApplication& application_;
  const std::function<void(unsigned)> run_;
  std::vector<Place> places_;
  std::vector<Ref> threads_;
};

}  // namespace appd::python
