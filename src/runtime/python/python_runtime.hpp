// CPython as a worker sees it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/gateway/application.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/python/running_call.hpp"
#include "runtime/support/fork_orphan.hpp"

namespace appd::python {

/// The operator's settings for Python, and what the worker knows about itself.
struct PythonOptions {
  std::string module;                   ///< which application: see `load_application`
  std::vector<std::string> pythonpath;  ///< put in front of sys.path, in this order
  std::string virtualenv;               ///< "" if there is none
  bool multithread = false;             ///< wsgi.multithread: this process has several pool threads
  bool multiprocess = false;            ///< wsgi.multiprocess: there are other workers
  int crash_descriptor = -1;  ///< where the stacks of all threads go when a signal such as
                              ///< SIGSEGV ends the process; borrowed; −1 for nowhere
};

/// The interpreter cannot start, or a pool thread cannot be made. `what` is one readable line.
class StartError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The application cannot be loaded. `what` is one line that names the module and the step.
class LoadError : public std::runtime_error {
 public:
  LoadError(const std::string& line, std::string traceback)
      : std::runtime_error(line), traceback_(std::move(traceback)) {}

  /// Python's traceback, lines ending in "\n"; "" if no Python code failed.
  const std::string& traceback() const noexcept { return traceback_; }

 private:
  std::string traceback_;
};

/// Bridge objects that are alive. All zero after `finalize`, unless something leaks.
struct LiveObjects {
  std::size_t inputs = 0;
  std::size_t responders = 0;
  std::size_t file_wrappers = 0;
  std::size_t kept_bodies = 0;

  std::size_t total() const noexcept { return inputs + responders + file_wrappers + kept_bodies; }
};

/// What an import has left running or open in a process that will fork.
struct ImportFinding {
  /// A sentence: what it is, whose it is, and what becomes of it in the children.
  std::string text;
  bool harmless = false;  ///< its owner takes care of it at a fork
};

/// A thread that Python waits for at its end.
struct LastingThread {
  unsigned long number = 0;  ///< threading's `ident`
  std::string name;          ///< one line
};

/// CPython in a worker: the interpreter, the application and the pool threads. This header is all
/// that a worker sees of Python.
///
/// Made and used on the worker's main thread, in the order of the members. That thread holds the
/// interpreter from construction to `release_main`, and again after `take_main` or `join_pool`. The
/// working directory must be the application's already, and the environment (PYTHON* and others)
/// final. Once per process: CPython cannot reliably start twice.
class PythonRuntime {
 public:
  /// Starts CPython. Throws StartError. The reporter must outlive the runtime.
  PythonRuntime(PythonOptions options, gateway::Reporter& reporter);
  /// Does not finalise: a process whose pool threads do not end leaves by `_exit` without that.
  ~PythonRuntime();
  PythonRuntime(const PythonRuntime&) = delete;
  PythonRuntime& operator=(const PythonRuntime&) = delete;

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

  /// After one of the two. Its `serve` is for pool threads only.
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
  /// The pool thread that has the interpreter now, or kOtherThread. std::nullopt if no thread has
  /// it, or CPython does not tell. Same thread as `stack_of`.
  std::optional<unsigned> interpreter_holder() const noexcept;
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

  /// The version of the embedded library: "3.11.2". Needs no interpreter.
  static std::string version();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace appd::python
