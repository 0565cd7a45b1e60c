// The double fork: the middle process reports an error as its exit code.

#include "runtime/support/fork_orphan.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "runtime/support/application_forks.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::support {
namespace {

/// The errno that the middle process left as its exit code. No errno of Linux is above 133.
int error_in(int status) noexcept {
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/// The parent is about to end; nothing tells a child when it has.
void wait_to_be_orphan(pid_t parent) noexcept {
  constexpr timespec kPause{0, 50'000};
  while (::getppid() == parent) ::nanosleep(&kPause, nullptr);
}

}  // namespace

ForkSide fork_orphan() {
  const OwnFork own;
  const pid_t between = ::fork();
  if (between < 0) throw_errno("fork");
  if (between == 0) {
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) {
      wait_to_be_orphan(parent);
      return ForkSide::child;
    }
    ::_exit(child > 0 ? 0 : errno);
  }
  int status = 0;
  while (::waitpid(between, &status, 0) < 0) {
    // Something else in this process reaps all children, or SIGCHLD is ignored: the middle process
    // has ended.
    if (errno != EINTR) return ForkSide::parent;
  }
  errno = error_in(status);
  if (errno != 0) throw_errno("fork");
  return ForkSide::parent;
}

}  // namespace appd::support
