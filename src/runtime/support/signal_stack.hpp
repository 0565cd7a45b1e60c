#pragma once

#include <csignal>
#include <cstddef>

namespace appd::support {

/// A stack for signal handlers (those with SA_ONSTACK) of the thread that makes it, until the end
/// of this object. When the thread has used up its own stack they could not run otherwise, and the
/// process would die without a word. Takes no memory until a handler runs.
class SignalStack {
 public:
  static constexpr std::size_t kSize = 256 * 1024;

  /// Where it cannot be had, the thread goes without.
  SignalStack() noexcept;
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  void* memory_;
  stack_t before_{};
};

}  // namespace appd::support
