// Masks and reads signals with sigprocmask and signalfd.

#include "runtime/support/signals.hpp"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/support/throw_errno.hpp"

namespace appd::support {

namespace {

sigset_t set_of(std::initializer_list<int> signals) noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

BlockedSignals::BlockedSignals(std::initializer_list<int> signals)
    : BlockedSignals(set_of(signals)) {}

BlockedSignals::BlockedSignals(const sigset_t& signals) : set_(signals) {
  errno = ::pthread_sigmask(SIG_BLOCK, &set_, &previous_);
  if (errno != 0) throw_errno("pthread_sigmask");
}

BlockedSignals::~BlockedSignals() {
  ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

UniqueFd open_signal_fd(const sigset_t& set) {
  UniqueFd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) throw_errno("signalfd");
  return fd;
}

std::optional<ReceivedSignal> try_read_signal(const UniqueFd& signal_fd) noexcept {
  signalfd_siginfo info;
  ssize_t got = 0;
  do {
    got = ::read(signal_fd.get(), &info, sizeof info);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  const bool from_process = info.ssi_code <= 0;  // sigaction(2): SI_USER and the like
  return ReceivedSignal{static_cast<int>(info.ssi_signo),
                        from_process ? static_cast<pid_t>(info.ssi_pid) : 0, info.ssi_uid};
}

}  // namespace appd::support
