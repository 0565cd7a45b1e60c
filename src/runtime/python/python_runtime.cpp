// Composes interpreter, application, pool threads and their watchers.

#include "runtime/python/python_runtime.hpp"

#include <atomic>
#include <cassert>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/python/app_loader.hpp"
#include "runtime/python/appd_module.hpp"
#include "runtime/python/console_writes.hpp"
#include "runtime/python/deferred_decrefs.hpp"
#include "runtime/python/development.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/python/forked_child.hpp"
#include "runtime/python/import_guard.hpp"
#include "runtime/python/interpreter.hpp"
#include "runtime/python/interrupter.hpp"
#include "runtime/python/lasting_threads.hpp"
#include "runtime/python/live_counters.hpp"
#include "runtime/python/pool_threads.hpp"
#include "runtime/python/preload_check.hpp"
#include "runtime/python/thread_stacks.hpp"
#include "runtime/python/wsgi_application.hpp"
#include "runtime/support/application_forks.hpp"

namespace appd::python {

using support::ForkSide;

namespace {

/// The interpreter goes from one thread to the next in less time.
constexpr std::chrono::milliseconds kChange{5};

}  // namespace

struct PythonRuntime::Impl {
  Impl(PythonOptions given, gateway::Reporter& reports)
      : options(std::move(given)), reporter(reports) {
    prepare_interpreter(options);
  }

  /// Processes that the import forks may return from it.
  Ref import_application() {
    const auto end_if_forked = [this](std::string_view exception) {
      if (!support::forked_by_application()) return;
      end_forked_child(reporter, "import of " + options.module, exception);
    };
    try {
      Ref callable = load();
      end_if_forked("");
      return callable;
    } catch (const LoadError& error) {
      end_if_forked(error.what());
      throw;
    }
  }

  Ref load() {
    if (!options.development) return python::load_application(options.module);
    try {
      return python::load_application(options.module, *options.development);
    } catch (const PythonError&) {
      Failure failure = take_failure();
      throw LoadError("cannot prepare appd dev: " + failure.line, std::move(failure.traceback));
    }
  }

  const PythonOptions options;
  gateway::Reporter& reporter;
  LiveCounters live;  // outlives the interpreter, whose last objects count in it
  const std::shared_ptr<DeferredDecrefs> deferred_decrefs =
      std::make_shared<DeferredDecrefs>(live.kept_bodies);
  std::optional<AppdModule> module{std::in_place};
  std::optional<WsgiApplication> application;
  std::optional<PoolThreads> pool;
  std::optional<ThreadStacks> stacks;
  std::optional<Interrupter> interrupter;
  PyThreadState* released = nullptr;  // the main thread's state while it has released
  bool finalized = false;
  std::atomic<std::size_t> interrupts{0};
};

PythonRuntime::PythonRuntime(PythonOptions options, gateway::Reporter& reporter)
    : impl_(std::make_unique<Impl>(std::move(options), reporter)) {
  support::keep_application_forks_apart();
}

PythonRuntime::~PythonRuntime() {
  // Without the interpreter these references cannot be released. They stay, as the interpreter
  // does.
  if (!impl_->finalized) static_cast<void>(impl_.release());
}

void PythonRuntime::set_worker(unsigned number) {
  try {
    impl_->module->set_worker(number);
  } catch (const PythonError&) {
    throw StartError("cannot number the worker: " + take_failure().line);
  }
}

void PythonRuntime::load_application() {
  const ImportGuard guard(impl_->reporter);
  Ref callable = impl_->import_application();
  guard.check(impl_->options.module);
  watch_console();
  try {
    impl_->application.emplace(std::move(callable),
                               Ref::borrow(impl_->module->request_timeout().get()),
                               impl_->options.multithread, impl_->options.multiprocess,
                               impl_->reporter, impl_->live, impl_->deferred_decrefs);
  } catch (const PythonError&) {
    Failure failure = take_failure();
    throw LoadError("cannot prepare the application: " + failure.line,
                    std::move(failure.traceback));
  }
}

std::vector<ImportFinding> PythonRuntime::preload_application() {
  try {
    const PreloadCheck check;
    load_application();
    std::vector<ImportFinding> findings = check.findings();
    const Ref collector = checked(PyImport_ImportModule("gc"));
    checked(PyObject_CallMethod(collector.get(), "freeze", nullptr));
    return findings;
  } catch (const PythonError&) {
    Failure failure = take_failure();
    throw LoadError("cannot tell what the import has left running: " + failure.line,
                    std::move(failure.traceback));
  }
}

ForkSide PythonRuntime::fork(const std::function<ForkSide()>& fork_process) {
  PyOS_BeforeFork();
  try {
    const ForkSide side = fork_process();
    side == ForkSide::child ? PyOS_AfterFork_Child() : PyOS_AfterFork_Parent();
    return side;
  } catch (...) {
    PyOS_AfterFork_Parent();
    throw;
  }
}

gateway::Application& PythonRuntime::application() noexcept {
  assert(impl_->application);
  return *impl_->application;
}

void PythonRuntime::start_pool(unsigned threads, std::function<void(unsigned)> run) {
  assert(impl_->application && !impl_->pool);
  impl_->pool.emplace(*impl_->application, threads, std::move(run));
  try {
    for (unsigned index = 0; index < threads; ++index) impl_->pool->start_one();
  } catch (const PythonError&) {
    throw StartError("cannot start a pool thread: " + take_failure().line);
  }
}

void PythonRuntime::release_main() noexcept {
  impl_->released = PyEval_SaveThread();
}

void PythonRuntime::take_main() noexcept {
  PyEval_RestoreThread(std::exchange(impl_->released, nullptr));
}

void PythonRuntime::join_pool() {
  if (impl_->released != nullptr) take_main();
  if (!impl_->pool) return;
  try {
    impl_->pool->join();
  } catch (const PythonError&) {
    throw StartError("cannot wait for the pool threads: " + take_failure().line);
  }
}

void PythonRuntime::watch_pool() {
  try {
    impl_->stacks.emplace();
    impl_->interrupter.emplace([this](const RunningCall& call) {
      impl_->pool->interrupt(call);
      impl_->interrupts.fetch_add(1);
    });
  } catch (const PythonError&) {
    throw StartError("cannot watch the pool threads: " + take_failure().line);
  } catch (const std::system_error& error) {
    throw StartError(std::string("cannot watch the pool threads: ") + error.what());
  }
}

void PythonRuntime::interrupt(const RunningCall& call) {
  try {
    if (impl_->interrupter) impl_->interrupter->interrupt(call);
  } catch (const std::system_error& error) {
    impl_->reporter.report(gateway::LogEvent::request_not_interrupted,
                           std::string("cannot interrupt a call: ") + error.what());
  }
}

std::chrono::nanoseconds PythonRuntime::wait_for_interpreter() {
  try {
    if (impl_->interrupter) return impl_->interrupter->wait_so_far();
  } catch (const std::system_error&) {
    // No thread can be started now: the wait is unknown.
  }
  return {};
}

/// CPython tells of a known thread whether it has the interpreter, but not which one has it. For a
/// moment between two threads none has it, but then the interrupter's thread may get it.
std::optional<unsigned> PythonRuntime::interpreter_holder() {
  if (!impl_->pool) return std::nullopt;
  const auto pool_thread = [this] { return impl_->pool->holder(); };
  if (const auto thread = pool_thread()) return thread;
  std::this_thread::sleep_for(kChange);
  if (const auto thread = pool_thread()) return thread;
  if (wait_for_interpreter() <= kChange) return std::nullopt;
  return kOtherThread;
}

std::size_t PythonRuntime::interrupts() const noexcept {
  return impl_->interrupts.load();
}

std::optional<std::string> PythonRuntime::stack_of(const RunningCall& call) {
  if (!impl_->stacks || !impl_->pool) return std::nullopt;
  const pid_t thread = impl_->pool->kernel_id(call.thread);
  if (thread == 0) return std::nullopt;
  return impl_->stacks->dump(thread, call);
}

std::vector<LastingThread> PythonRuntime::lasting_threads() {
  try {
    return python::lasting_threads();
  } catch (const PythonError&) {
    PyErr_Clear();  // the application has put something else in their place
    return {};
  }
}

bool PythonRuntime::finalize() {
  assert(impl_->released == nullptr);
  impl_->interrupter.reset();
  impl_->pool.reset();
  impl_->application.reset();
  impl_->module.reset();
  impl_->deferred_decrefs->clear();
  impl_->finalized = true;
  const bool flushed = Py_FinalizeEx() == 0;
  if (support::forked_by_application()) end_forked_child(impl_->reporter, "exit handlers");
  return flushed;
}

LiveObjects PythonRuntime::live_objects() const noexcept {
  return impl_->live.snapshot();
}

}  // namespace appd::python
