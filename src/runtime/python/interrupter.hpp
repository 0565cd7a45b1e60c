#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "runtime/python/python_compat.hpp"
#include "runtime/python/running_call.hpp"

namespace appd::python {

/// Interrupts calls from a thread of its own: that may have to wait for the interpreter for long,
/// and nobody else should. There is none before the first call is to be interrupted.
class Interrupter {
 public:
  /// `act` is called for each call, holding the interpreter; it may be over by then. Holding the
  /// interpreter.
  explicit Interrupter(std::function<void(const RunningCall&)> act);
  /// Gives up what is left, and the interpreter while it waits for its thread. Holding it.
  ~Interrupter();
  Interrupter(const Interrupter&) = delete;
  Interrupter& operator=(const Interrupter&) = delete;

  /// Soon. By one thread, which need not hold the interpreter. Throws std::system_error when there
  /// can be no thread.
  void interrupt(const RunningCall& call);

 private:
  void run();

  const std::function<void(const RunningCall&)> act_;
  PyInterpreterState* const interpreter_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<RunningCall> calls_;  // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::thread thread_;
};

}  // namespace appd::python
