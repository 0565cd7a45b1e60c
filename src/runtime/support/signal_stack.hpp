// An alternate signal stack for the calling thread.
#pragma once

#include <csignal>
#include <cstddef>

namespace appd::support {

/// A stack for the constructing thread's signal handlers (those with SA_ONSTACK), for as long as
/// the object lives. Without it, no handler could run after a stack overflow, and the process would
/// die without a word. Takes no memory until a handler runs.
class SignalStack {
 public:
  static constexpr std::size_t kSize = 256 * 1024;

  /// If the stack cannot be made, the thread goes without.
  SignalStack() noexcept;
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  void* memory_;
  stack_t before_{};
};

}  // namespace appd::support
