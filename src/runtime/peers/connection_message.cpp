// Packs a connection and its unread bytes into a datagram, and unpacks it.

#include "runtime/peers/connection_message.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>

namespace appd::peers {
namespace {

bool has_free_descriptor() noexcept {
  // Not a copy of the box's: to close that would end the lock.
  return static_cast<bool>(support::UniqueFd(::eventfd(0, EFD_CLOEXEC)));
}

bool set_lock(int fd, short type) noexcept {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, F_SETLK, &lock) == 0;
}

}  // namespace

Reading::Reading(int box) noexcept : box_(set_lock(box, F_WRLCK) ? box : -1) {}

Reading::~Reading() {
  if (box_ >= 0) set_lock(box_, F_UNLCK);
}

/// As recvmsg(2); the descriptor, if there is one, is in place afterwards.
ssize_t Message::peek(int box) noexcept {
  header_.msg_controllen = control_.size();
  ssize_t n = 0;
  do {
    n = ::recvmsg(box, &header_, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  const cmsghdr* const control = n > 0 ? CMSG_FIRSTHDR(&header_) : nullptr;
  if (control != nullptr && control->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
    descriptor_.reset(fd);
  }
  return n;
}

Message::Found Message::look(int box) noexcept {
  constexpr int kAttempts = 2;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const ssize_t n = peek(box);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return Found::failed;
    if (n <= 0) return Found::nothing;
    size_ = static_cast<std::size_t>(n) - 1;
    if (descriptor_ || (header_.msg_flags & MSG_CTRUNC) == 0) return Found::one;
    if (!has_free_descriptor()) return Found::no_room;
  }
  // Something else forbids it (a security module), and would do so for ever.
  return Found::one;
}

bool Message::take_out(int box) noexcept {
  char mark = 0;
  ssize_t n = 0;
  do {
    n = ::recv(box, &mark, sizeof mark, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  return n > 0;
}

}  // namespace appd::peers
