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

/// What the operator decides about Python, and what the worker knows about itself.
struct PythonOptions {
  std::string module;                   ///< which application: see `load_application`
  std::vector<std::string> pythonpath;  ///< put in front of sys.path, in this order
  std::string virtualenv;               ///< "": none
  bool multithread = false;             ///< wsgi.multithread: this process has several pool threads
  bool multiprocess = false;            ///< wsgi.multiprocess: there are other workers
  int crash_descriptor = -1;  ///< where the stacks of all threads go when a signal such as
                              ///< SIGSEGV ends the process; borrowed; −1: nowhere
};

/// The interpreter cannot start, or a pool thread cannot be made; `what` is one readable line.
class StartError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The application cannot be loaded; `what` is one line that names the module and the step.
class LoadError : public std::runtime_error {
 public:
  LoadError(const std::string& line, std::string traceback)
      : std::runtime_error(line), traceback_(std::move(traceback)) {}

  /// Python's traceback, lines ending in "\n"; "" when no Python code failed.
  const std::string& traceback() const noexcept { return traceback_; }

 private:
  std::string traceback_;
};

/// Objects of the bridge that are alive. All zero after `finalize`, unless something leaks.
struct LiveObjects {
  std::size_t inputs = 0;
  std::size_t responders = 0;
  std::size_t file_wrappers = 0;
  std::size_t kept_bodies = 0;

  std::size_t total() const noexcept { return inputs + responders + file_wrappers + kept_bodies; }
};

/// What the import of an application has left running or open in a process that is to fork.
struct ImportFinding {
  std::string text;       ///< a sentence: what it is, whose, and what becomes of it in the children
  bool harmless = false;  ///< its owner looks after it at a fork
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
/// interpreter from construction to `release_main`, and again from `take_main` or `join_pool` on.
/// The working directory must be the application's already, the environment (PYTHON* and others) as
/// it is to be seen by Python. Once per process: CPython does not start twice reliably.
class PythonRuntime {
 public:
  /// Starts CPython; throws StartError. The reporter must outlive the runtime.
  PythonRuntime(PythonOptions options, gateway::Reporter& reporter);
  /// Does not finalise. A process whose pool threads do not end leaves without that, by `_exit`.
  ~PythonRuntime();
  PythonRuntime(const PythonRuntime&) = delete;
  PythonRuntime& operator=(const PythonRuntime&) = delete;

  /// Imports the application; throws LoadError. The forms: `module:callable`,
  /// `module:object.attribute`, `module:factory()`, `module` (its `application`, else its `app`), a
  /// file `path.py` or `path.wsgi`, also with `:callable`.
  void load_application();

  /// The same in a process that is to fork: loads what the children need too, and keeps the
  /// garbage collector from touching it, since what a process writes to it no longer shares. Gives
  /// each thread and each socket that the import has left: a fork would tear them. Throws
  /// LoadError.
  std::vector<ImportFinding> preload_application();

  /// After `preload_application`, holding the interpreter: calls `fork_process` as os.fork() forks,
  /// with the hooks of Python and of the application around it. Gives and throws what that does.
  /// The main thread of the child is this one, which holds the interpreter.
  support::ForkSide fork(const std::function<support::ForkSide()>& fork_process);

  /// After either. Its `serve` is for pool threads only.
  gateway::Application& application() noexcept;

  /// Starts Python threads named "appd-1" … that each call run(index), index from 0, without the
  /// interpreter. `run` must not throw. Throws StartError when a thread cannot be started; those
  /// that were started run on and must be told to end before `join_pool`.
  void start_pool(unsigned threads, std::function<void(unsigned)> run);

  /// In the process that has the pool, holding the interpreter: `stack_of` and `interrupt` can do
  /// something from now on. Throws StartError.
  void watch_pool();

  /// The Python stack of a pool thread in that call (see ThreadStacks::dump). Without the
  /// interpreter, by one thread at a time, until `finalize`.
  std::optional<std::string> stack_of(const RunningCall& call);

  /// Has appd.RequestTimeout raised in that call, soon, unless it ends before: never in another. By
  /// the same thread as `stack_of`, and as long.
  void interrupt(const RunningCall& call);
  /// How long the interpreter could not be had by a thread that asks for it; it asks from now on if
  /// it has got it meanwhile (then 0). As `interrupt`.
  std::chrono::nanoseconds wait_for_interpreter();
  /// The pool thread that has the interpreter at this moment, or kOtherThread. None if nobody has
  /// it, or CPython does not tell. As `stack_of`.
  std::optional<unsigned> interpreter_holder() const noexcept;
  /// What `interrupt` has asked for and was done, also for nothing.
  std::size_t interrupts() const noexcept;

  /// Gives the interpreter up: pool threads can run.
  void release_main() noexcept;
  /// Takes it again.
  void take_main() noexcept;

  /// Takes the interpreter again and waits until every `run` has returned (without holding it).
  void join_pool();

  /// The threads of the application that `finalize` would wait for now. After `join_pool`.
  std::vector<LastingThread> lasting_threads();

  /// Waits for these, runs atexit handlers, flushes stdout and stderr, ends the interpreter. After
  /// `join_pool`, or when no pool was started. May take as long as the application's handlers take.
  /// False: flushing failed.
  bool finalize();

  LiveObjects live_objects() const noexcept;

  /// Of the embedded library: "3.11.2". Needs no interpreter.
  static std::string version();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace appd::python
