#include "runtime/python/interrupter.hpp"

#include <utility>

#include "runtime/python/gil.hpp"

namespace appd::python {

Interrupter::Interrupter(std::function<void(const RunningCall&)> act)
    : act_(std::move(act)), interpreter_(PyInterpreterState_Get()) {}

Interrupter::~Interrupter() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  const GilRelease released;
  thread_.join();
}

void Interrupter::interrupt(const RunningCall& call) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  calls_.push_back(call);
  changed_.notify_one();
}

void Interrupter::run() {
  PyThreadState* const state = PyThreadState_New(interpreter_);
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !calls_.empty(); });
    if (stopping_) break;
    const RunningCall call = calls_.front();
    calls_.pop_front();
    lock.unlock();
    {
      const GilGuard held(state);
      act_(call);
    }
    lock.lock();
  }
  lock.unlock();
  PyEval_RestoreThread(state);
  PyThreadState_Clear(state);
  PyThreadState_DeleteCurrent();
}

}  // namespace appd::python
