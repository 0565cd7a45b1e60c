#include "runtime/support/signals.hpp"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/support/throw_errno.hpp"

namespace appd::support {

BlockedSignals::BlockedSignals(std::initializer_list<int> signals) {
  ::sigemptyset(&set_);
  for (const int signal : signals) ::sigaddset(&set_, signal);
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

std::optional<int> try_read_signal(const UniqueFd& signal_fd) noexcept {
  signalfd_siginfo info;
  ssize_t got = 0;
  do {
    got = ::read(signal_fd.get(), &info, sizeof info);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace appd::support
