// Maps an alternate stack and installs it for the thread.

#include "runtime/support/signal_stack.hpp"

#include <sys/mman.h>

namespace appd::support {

SignalStack::SignalStack() noexcept
    : memory_(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0)) {
  if (memory_ == MAP_FAILED) return;
  stack_t stack{};
  stack.ss_sp = memory_;
  stack.ss_size = kSize;
  ::sigaltstack(&stack, &before_);
}

SignalStack::~SignalStack() {
  if (memory_ == MAP_FAILED) return;
  ::sigaltstack(&before_, nullptr);
  ::munmap(memory_, kSize);
}

}  // namespace appd::support
