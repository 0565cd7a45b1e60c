// Python stacks of threads that do not cooperate.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime/python/running_call.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::python {

/// The Python stacks of threads inside a call, whatever they do: compute, wait, or run C code with
/// the interpreter held.
///
/// The thread itself writes its frames, in the handler of a signal that is sent to it alone. The
/// frames stand still meanwhile, so the interpreter is not needed. faulthandler does the writing:
/// it is registered for that signal, and our handler calls its handler, after checking that the
/// thread is still in that call. Interrupted system calls are restarted, except those that never
/// are (poll, select, nanosleep and others: signal(7)).
///
/// One per process, since signal handlers are. An application may use faulthandler for itself.
class ThreadStacks {
 public:
  /// How long a thread may take to respond.
  static constexpr int kPatienceMs = 500;

  /// The signal that asks a thread: a real-time one that nobody else is known to use.
  static int signal() noexcept;

  /// Holding the interpreter, in the process whose threads will be asked. Throws PythonError or
  /// std::system_error.
  ThreadStacks();
  ~ThreadStacks();
  ThreadStacks(const ThreadStacks&) = delete;
  ThreadStacks& operator=(const ThreadStacks&) = delete;

  /// The stack of the thread with that kernel id, one line per frame, most recent call first.
  /// std::nullopt if the call has ended or the thread does not respond. Without the interpreter; by
  /// one thread at a time.
  std::optional<std::string> dump(pid_t thread, const RunningCall& call);

 private:
  bool wait_for_response() const;
  std::string read_frames() const;

  const support::UniqueFd frames_;  // a file in memory that faulthandler writes to
  const support::UniqueFd bell_;    // signalled when the stack is written
};

}  // namespace appd::python
