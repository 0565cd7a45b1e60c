// Blocks the master's signals and reads them from a signalfd.

#include "runtime/supervisor/master_signals.hpp"

#include "runtime/support/harmless_signals.hpp"
#include "runtime/support/worker_signals.hpp"

namespace appd::supervisor {
namespace {

bool is_masters(int signal) noexcept {
  switch (signal) {
    case SIGTERM:
    case SIGINT:
    case SIGQUIT:
    case SIGHUP:
    case SIGUSR1:
    case SIGUSR2:
    case SIGCHLD:
    // The kernel ignores these, but some servers use them: somebody may wait for an effect.
    case SIGWINCH:
    case SIGURG:
      return true;
    default:
      return support::is_harmless(signal);
  }
}

sigset_t masters_signals() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (is_masters(signal)) ::sigaddset(&set, signal);
  }
  return set;
}

void set_disposition(int signal, void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

MasterSignals::MasterSignals()
    : blocked_(masters_signals()), fd_(support::open_signal_fd(blocked_.set())) {
  set_disposition(SIGPIPE, SIG_IGN);
  set_disposition(SIGXFSZ, SIG_IGN);  // a log that has reached a limit is an error of write(2)
  set_disposition(SIGCHLD, SIG_DFL);  // if it were inherited as ignored, exit codes would be lost
}

MasterSignals::~MasterSignals() {
  while (fd_ && support::try_read_signal(fd_)) {
  }
}

void MasterSignals::prepare_child(bool upgraded) const noexcept {
  sigset_t mask = blocked_.previous();
  const sigset_t left = support::signals_left_to_master();
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (upgraded && is_masters(signal)) ::sigdelset(&mask, signal);
    if (::sigismember(&left, signal) == 1) ::sigaddset(&mask, signal);
  }
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

}  // namespace appd::supervisor
