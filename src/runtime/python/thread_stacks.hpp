#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime/python/running_call.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::python {

/// The Python stacks of threads that are inside a call, whatever they are at: computing, waiting,
/// or in C code with the interpreter held.
///
/// The thread itself writes its frames, in the handler of a signal that is sent to it alone. They
/// stand still meanwhile, so the interpreter is not needed. The writing is faulthandler's: it is
/// registered for that signal, and its handler is called by ours, which first sees that the thread
/// is still in that call. System calls that the signal interrupts are restarted, but for those that
/// never are (poll, select, nanosleep and others: signal(7)).
///
/// One per process, since signal handlers are. An application may use faulthandler for itself.
class ThreadStacks {
 public:
  /// How long a thread may take to answer.
  static constexpr int kPatienceMs = 500;

  /// The one that threads are asked with: real-time, and nobody else is known to use it.
  static int signal() noexcept;

  /// Holding the interpreter, in the process whose threads are meant. Throws PythonError, or
  /// std::system_error.
  ThreadStacks();
  ~ThreadStacks();
  ThreadStacks(const ThreadStacks&) = delete;
  ThreadStacks& operator=(const ThreadStacks&) = delete;

  /// The stack of the thread with that kernel id, a line for each frame, most recent call first.
  /// None when the call has ended, or the thread does not answer. Without the interpreter; by one
  /// thread at a time.
  std::optional<std::string> dump(pid_t thread, const RunningCall& call);

 private:
  bool wait_for_response() const;
  std::string read_frames() const;

  const support::UniqueFd frames_;  // what faulthandler writes to: a file in memory
  const support::UniqueFd bell_;    // rung when it is written
};

}  // namespace appd::python
