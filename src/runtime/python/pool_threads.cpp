// Starts pool threads through `threading` and keeps track of them.

#include "runtime/python/pool_threads.hpp"

#include <pthread.h>

#include <string>

#include "runtime/python/errors.hpp"
#include "runtime/python/pool_thread.hpp"
#include "runtime/support/signal_stack.hpp"
#include "runtime/support/thread_id.hpp"

namespace appd::python {

namespace {

/// While one exists, new threads have at least the system's default stack. The size that an
/// application sets for its own threads (threading.stack_size) may be too small for a request.
/// Holding the interpreter.
class EnoughStack {
 public:
  EnoughStack() noexcept : wanted_(PyThread_get_stacksize()) {
    if (wanted_ < default_size()) PyThread_set_stacksize(0);
  }
  ~EnoughStack() { PyThread_set_stacksize(wanted_); }
  EnoughStack(const EnoughStack&) = delete;
  EnoughStack& operator=(const EnoughStack&) = delete;

 private:
  static std::size_t default_size() noexcept {
    pthread_attr_t attributes;
    std::size_t size = 0;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_getstacksize(&attributes, &size);
    ::pthread_attr_destroy(&attributes);
    return size;
  }

  const std::size_t wanted_;  // 0 means the default
};

}  // namespace

/// Registers the calling thread at its place.
class PoolThreads::Presence {
 public:
  Presence(PoolThreads& pool, std::size_t index, PoolThread& thread) noexcept
      : place_(pool.places_[index]), state_mutex_(pool.state_mutex_) {
    place_.kernel_id = support::thread_id();
    place_.thread = &thread;
    set_state(thread.state());
  }
  ~Presence() {
    place_.kernel_id = 0;
    place_.thread = nullptr;
    set_state(nullptr);
  }
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

 private:
  void set_state(PyThreadState* state) noexcept {
    const std::lock_guard lock(state_mutex_);
    place_.state = state;
  }

  Place& place_;
  std::mutex& state_mutex_;
};

PyObject* PoolThreads::run_slot(PyObject* capsule, PyObject* index) noexcept {
  return guarded([&] {
    auto* const pool = static_cast<PoolThreads*>(PyCapsule_GetPointer(capsule, nullptr));
    const unsigned long number = PyLong_AsUnsignedLong(index);
    if (PyErr_Occurred() != nullptr) throw PythonError();
    // For faulthandler, which gives one only to the main thread
    const support::SignalStack signal_stack;
    PoolThread thread(pool->application_.shared());
    const Presence presence(*pool, number, thread);
    {
      const GilRelease released;
      pool->run_(static_cast<unsigned>(number));
    }
    return none();
  });
}

void PoolThreads::start_one() {
  static PyMethodDef method = {"run_pool_thread", run_slot, METH_O, nullptr};
  const std::string name = "appd-" + std::to_string(threads_.size() + 1);
  const Ref capsule = checked(PyCapsule_New(this, nullptr, nullptr));
  const Ref target = checked(PyCFunction_New(&method, capsule.get()));
  const Ref module = checked(PyImport_ImportModule("threading"));
  const Ref type = checked(PyObject_GetAttrString(module.get(), "Thread"));
  const Ref nothing = checked(PyTuple_New(0));
  const Ref named =
      checked(Py_BuildValue("{s:O, s:s, s:(n), s:O}", "target", target.get(), "name", name.c_str(),
                            "args", static_cast<Py_ssize_t>(threads_.size()), "daemon", Py_False));
  const EnoughStack stack;
  Ref thread = checked(PyObject_Call(type.get(), nothing.get(), named.get()));
  checked(PyObject_CallMethod(thread.get(), "start", nullptr));
  threads_.push_back(std::move(thread));
}

std::optional<unsigned> PoolThreads::holder() const noexcept {
  const std::lock_guard lock(state_mutex_);
  for (unsigned i = 0; i < places_.size(); ++i) {
    PyThreadState* const state = places_[i].state;
    if (state != nullptr && compat::has_interpreter(*state)) return i;
  }
  return std::nullopt;
}

void PoolThreads::interrupt(const RunningCall& call) noexcept {
  // A call ends on a thread that holds the interpreter. So the call that runs now goes on until
  // this thread releases it.
  PoolThread* const thread = places_[call.thread].thread;
  if (thread != nullptr && call.runs()) thread->call().interrupt();
}

void PoolThreads::join() {
  for (const Ref& thread : threads_) checked(PyObject_CallMethod(thread.get(), "join", nullptr));
  threads_.clear();
}

}  // namespace appd::python
