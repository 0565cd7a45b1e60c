#pragma once

#include <atomic>
#include <chrono>
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
/// and nobody else should. Its wait shows that C code keeps the interpreter. There is no thread
/// before it is needed.
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
  /// How long its thread has been waiting for the interpreter. One that is not begins to, for
  /// nothing else: then this is 0. As `interrupt`.
  std::chrono::nanoseconds wait_so_far();

 private:
  using Clock = std::chrono::steady_clock;

  void wake_locked();
  void run();

  const std::function<void(const RunningCall&)> act_;
  PyInterpreterState* const interpreter_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<RunningCall> calls_;  // guarded by mutex_
  bool asked_ = false;             // guarded by mutex_: by `wait_so_far`
  bool stopping_ = false;          // guarded by mutex_
  std::atomic<Clock::time_point> waits_since_{Clock::time_point{}};  // {}: it does not
  std::thread thread_;
};

}  // namespace appd::python
