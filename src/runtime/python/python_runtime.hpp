// CPython as a worker sees it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/gateway/application.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/python/import_finding.hpp"
#include "runtime/python/lasting_thread.hpp"
#include "runtime/python/live_objects.hpp"
#include "runtime/python/load_error.hpp"
#include "runtime/python/python_options.hpp"
#include "runtime/python/running_call.hpp"
#include "runtime/python/start_error.hpp"
#include "runtime/support/fork_orphan.hpp"

namespace appd::python {

/// CPython in a worker: the interpreter, the application and the pool threads. This header, with
/// those that it includes, is all that a worker sees of Python.
///
/// Made and used on the worker's main thread, in the order of the members. That thread holds the
/// interpreter from construction to `release_main`, and again after `take_main` or `join_pool`.
/// CPython has started, by itself or by start_embedded_python, and the working directory is the
/// application's. Once per process: CPython cannot reliably start twice.
class PythonRuntime {
 public:
  /// Prepares the interpreter (prepare_interpreter). Throws StartError. The reporter must outlive
  /// the runtime.
  PythonRuntime(PythonOptions options, gateway::Reporter& reporter);
  /// Does not finalise: a process whose pool threads do not end leaves by `_exit` without that.
  ~PythonRuntime();
  PythonRuntime(const PythonRuntime&) = delete;
  PythonRuntime& operator=(const PythonRuntime&) = delete;

  /// The number that `appd.worker()` gives the application, from 1. Throws StartError.
  void set_worker(unsigned number);

  /// Imports the application. Throws LoadError. The forms are `module:callable`,
  /// `module:object.attribute`, `module:factory()`, `module` (its `application`, else its `app`),
  /// and a file `path.py` or `path.wsgi`, also with `:callable`.
  void load_application();

  /// Imports the application in a process that will fork. Also loads what the children need. Keeps
  /// the garbage collector off all of it, since pages that a process writes to are no longer
  /// shared. Returns each thread and socket that the import has left: they do not survive a fork.
  /// Throws LoadError.
  std::vector<ImportFinding> preload_application();

  /// After `preload_application`, holding the interpreter: calls `fork_process` the way os.fork()
  /// forks, with the hooks of Python and the application around it. Returns and throws what that
  /// does. This thread is the child's main thread, and holds the interpreter there.
  support::ForkSide fork(const std::function<support::ForkSide()>& fork_process);

  /// After `load_application` or `preload_application`. Its `serve` is for pool threads only.
  gateway::Application& application() noexcept;

  /// Starts Python threads named "appd-1" … Each calls run(index), index from 0, without the
  /// interpreter. `run` must not throw. Throws StartError if a thread cannot be started; those
  /// already started run on and must be told to end before `join_pool`.
  void start_pool(unsigned threads, std::function<void(unsigned)> run);

  /// In the process that has the pool, holding the interpreter: makes `stack_of` and `interrupt`
  /// work from now on. Throws StartError.
  void watch_pool();

  /// The Python stack of the pool thread in that call (see ThreadStacks::dump). Without the
  /// interpreter, by one thread at a time, until `finalize`.
  std::optional<std::string> stack_of(const RunningCall& call);

  /// Raises appd.RequestTimeout in that call soon, unless it ends before; never in another call.
  /// Same thread and lifetime as `stack_of`.
  void interrupt(const RunningCall& call);
  /// How long a thread that asks for the interpreter has been waiting. If it has got it meanwhile
  /// it asks again; then this is 0. Same thread as `interrupt`.
  std::chrono::nanoseconds wait_for_interpreter();
  /// The thread that keeps the interpreter, after `wait_for_interpreter` has shown that one does:
  /// the pool thread that has it now, or kOtherThread. std::nullopt if no thread keeps it any more.
  /// May take some milliseconds. Same thread as `interrupt`.
  std::optional<unsigned> interpreter_holder();
  /// The number of interrupts carried out, including those that came too late.
  std::size_t interrupts() const noexcept;

  /// Releases the interpreter, so that pool threads can run.
  void release_main() noexcept;
  /// Takes the interpreter again.
  void take_main() noexcept;

  /// Waits, without the interpreter, until every `run` has returned; then takes it again.
  void join_pool();

  /// The application's threads that `finalize` would wait for now. After `join_pool`.
  std::vector<LastingThread> lasting_threads();

  /// Waits for those threads, runs atexit handlers, flushes stdout and stderr, and ends the
  /// interpreter. After `join_pool`, or if no pool was started. Takes as long as the application's
  /// handlers. False if flushing failed.
  bool finalize();

  LiveObjects live_objects() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace appd::python
