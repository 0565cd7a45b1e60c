// The thread that has calls interrupted; WsgiCall raises the exception.
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

/// Interrupts calls from a thread of its own, because waiting for the interpreter may take long and
/// must not block any other thread. How long it waits shows whether C code keeps the interpreter.
/// The thread starts when it is first needed.
class Interrupter {
 public:
  /// `act` is called for each call to interrupt, holding the interpreter; the call may be over by
  /// then. Construct holding the interpreter.
  explicit Interrupter(std::function<void(const RunningCall&)> act);
  /// Drops pending interrupts, and waits for the thread without the interpreter. Call it holding
  /// the interpreter.
  ~Interrupter();
  Interrupter(const Interrupter&) = delete;
  Interrupter& operator=(const Interrupter&) = delete;

  /// Interrupts the call soon. One thread only; it need not hold the interpreter. Throws
  /// std::system_error if no thread can be started.
  void interrupt(const RunningCall& call);
  /// How long the thread has been waiting for the interpreter. If it was not waiting, it begins to,
  /// only to measure; then this is 0. Same thread and errors as `interrupt`.
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
  bool asked_ = false;             // guarded by mutex_; set by `wait_so_far`
  bool stopping_ = false;          // guarded by mutex_
  std::atomic<Clock::time_point> waits_since_{Clock::time_point{}};  // {} if it does not wait
  std::thread thread_;
};

}  // namespace appd::python
