// The thread that waits for the interpreter and then has calls interrupted by wsgi_call.cpp.

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
  calls_.push_back(call);
  wake_locked();
}

std::chrono::nanoseconds Interrupter::wait_so_far() {
  const Clock::time_point since = waits_since_.load();
  if (since != Clock::time_point{}) return Clock::now() - since;
  const std::lock_guard lock(mutex_);
  asked_ = true;
  wake_locked();
  return {};
}

void Interrupter::wake_locked() {
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_one();
}

void Interrupter::run() {
  PyThreadState* const state = PyThreadState_New(interpreter_);
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || asked_ || !calls_.empty(); });
    if (stopping_) break;
    asked_ = false;
    const std::deque<RunningCall> calls = std::exchange(calls_, {});
    lock.unlock();
    waits_since_.store(Clock::now());
    {
      const GilGuard held(state);
      waits_since_.store({});
      for (const RunningCall& call : calls) act_(call);
    }
    lock.lock();
  }
  lock.unlock();
  PyEval_RestoreThread(state);
  PyThreadState_Clear(state);
  PyThreadState_DeleteCurrent();
}

}  // namespace appd::python
