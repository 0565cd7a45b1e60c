// The list of signals that say nothing of a process's state.

#include "runtime/support/harmless_signals.hpp"

#include <csignal>

namespace appd::support {

bool is_harmless(int signal) noexcept {
  switch (signal) {
    case SIGALRM:
    case SIGVTALRM:
    case SIGPROF:
    case SIGIO:
    case SIGPWR:
    case SIGSTKFLT:
    case SIGTTIN:
    case SIGTTOU:
      return true;
    default:
      return signal >= SIGRTMIN && signal <= SIGRTMAX;
  }
}

}  // namespace appd::support
