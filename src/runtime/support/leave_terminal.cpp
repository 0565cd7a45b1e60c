// Replaces a process's terminal by /dev/null and a session of its own.

#include "runtime/support/leave_terminal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>

namespace appd::support {
namespace {

constexpr const char* kNothing = "/dev/null";

}  // namespace

void fill_standard_descriptors() noexcept {
  // open(2) returns the lowest free number.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) ::open(kNothing, O_RDWR);
  }
}

void leave_terminal() noexcept {
  ::setsid();
  const int nothing = ::open(kNothing, O_RDONLY | O_CLOEXEC);
  if (nothing < 0) return;
  ::dup2(nothing, STDIN_FILENO);
  if (nothing != STDIN_FILENO) ::close(nothing);
}

}  // namespace appd::support
