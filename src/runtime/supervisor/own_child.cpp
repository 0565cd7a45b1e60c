// Asks waitid(2) without reaping.

#include "runtime/supervisor/own_child.hpp"

#include <signal.h>
#include <sys/wait.h>

namespace appd::supervisor {

bool is_own_child(pid_t pid) noexcept {
  siginfo_t info{};
  return pid > 0 &&
         ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void signal_child(pid_t pid, int signal) noexcept {
  if (is_own_child(pid)) ::kill(pid, signal);
}

}  // namespace appd::supervisor
