// Closes descriptors of unknown owners in a process that exists for this alone.

#include "runtime/support/aside.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace appd::support {
namespace {

#ifdef SO_PASSRIGHTS
constexpr int kPassRights = SO_PASSRIGHTS;
#else
constexpr int kPassRights = 83;  // from Linux 6.16's asm-generic/socket.h
#endif

void wait_for_end(int pipe) noexcept {
  char nothing = 0;
  while (::read(pipe, &nothing, 1) < 0 && errno == EINTR) {
  }
}

}  // namespace

bool run_aside(const std::function<void()>& work) noexcept {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  return child > 0;
}

void close_aside(std::vector<UniqueFd> sockets) noexcept {
  // The other process must hold the last copies. It leaves them open until it ends: at that point
  // the kernel does not wait for lingering sockets.
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
  const UniqueFd end(ends[0]);
  UniqueFd held(ends[1]);
  run_aside([&] {
    held.reset();
    wait_for_end(end.get());
  });
  sockets.clear();
}

void refuse_descriptors(int socket) noexcept {
  const int off = 0;
  ::setsockopt(socket, SOL_SOCKET, kPassRights, &off, sizeof off);
}

}  // namespace appd::support
