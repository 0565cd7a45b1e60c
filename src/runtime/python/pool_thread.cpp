#include "runtime/python/pool_thread.hpp"

#include <cassert>

namespace appd::python {
namespace {

// Which pool thread this is: a fact about the thread, not about an interpreter.
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
