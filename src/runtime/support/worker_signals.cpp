#include "runtime/support/worker_signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <initializer_list>

namespace appd::support {
namespace {

volatile pid_t worker_pid = 0;  // a handler has no other way to learn it

// A handler and not SIG_IGN, which would outlive exec: programs that the application runs must die
// of SIGTERM as ever. So must processes that it forks without exec, which inherit the handler.
extern "C" void leave_to_master(int signal) {
  if (::getpid() == worker_pid) return;
  struct sigaction fatal {};
  fatal.sa_handler = SIG_DFL;
  ::sigaction(signal, &fatal, nullptr);
  ::raise(signal);  // delivered when this handler returns
}

}  // namespace

void enter_worker_signals(const sigset_t& mask) noexcept {
  inherit_worker_signals();
  struct sigaction action {};
  action.sa_handler = leave_to_master;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

void inherit_worker_signals() noexcept {
  worker_pid = ::getpid();
}

}  // namespace appd::support
