// The pool thread that the calling thread is.

#include "runtime/python/pool_thread.hpp"

#include <cassert>

namespace appd::python {
namespace {

// A property of the thread, not of an interpreter.
thread_local PoolThread* current_thread = nullptr;

}  // namespace

PoolThread::PoolThread(const WsgiShared& shared) : state_(PyThreadState_Get()), call_(shared) {
  current_thread = this;
}

PoolThread::~PoolThread() {
  current_thread = nullptr;
}

PoolThread& PoolThread::current() noexcept {
  assert(current_thread != nullptr);
  return *current_thread;
}

}  // namespace appd::python
