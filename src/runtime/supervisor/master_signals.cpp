#include "runtime/supervisor/master_signals.hpp"

#include <initializer_list>

namespace appd::supervisor {
namespace {

constexpr std::initializer_list<int> kSignals{SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR2, SIGCHLD};

void set_disposition(int signal, void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

MasterSignals::MasterSignals() : blocked_(kSignals), fd_(support::open_signal_fd(blocked_.set())) {
  set_disposition(SIGPIPE, SIG_IGN);
  set_disposition(SIGCHLD, SIG_DFL);  // inherited as ignored, it would take the exit codes away
}

MasterSignals::~MasterSignals() {
  while (fd_ && support::try_read_signal(fd_)) {
  }
}

sigset_t MasterSignals::mask_for_children(bool heir) const noexcept {
  sigset_t mask = blocked_.previous();
  if (!heir) return mask;
  for (const int signal : kSignals) ::sigdelset(&mask, signal);
  return mask;
}

}  // namespace appd::supervisor
