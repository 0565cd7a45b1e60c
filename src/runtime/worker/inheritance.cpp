#include "runtime/worker/inheritance.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "runtime/support/throw_errno.hpp"
#include "runtime/worker/connection_message.hpp"

namespace appd::worker {

Inheritance::Inheritance() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    support::throw_errno("socketpair", "inheritance");
  }
  in.reset(ends[0]);
  out.reset(ends[1]);
}

bool bequeath(const Inheritance& box, int socket) noexcept {
  Message message({});
  message.mark = Mark::connection;
  message.put_descriptor(socket);
  return message.send(box.in.get());
}

Heir::Heir(net::EventLoop& loop, const Inheritance& box)
    : box_(box.out.get()), watch_(loop, box_, *this) {}

void Heir::open(Adopt adopt) {
  adopt_ = std::move(adopt);
  watch_.want(EPOLLIN | EPOLLEXCLUSIVE);
}

void Heir::close() {
  if (watch_.events() == 0) return;
  watch_.end();
  // The kernel may have woken this process alone for it.
  if (auto socket = receive()) adopt(std::move(*socket));
}

void Heir::on_events(std::uint32_t) {
  auto socket = receive();
  if (!socket) return;
  watch_.again();
  adopt(std::move(*socket));
}

/// None: there is nothing.
std::optional<support::UniqueFd> Heir::receive() const {
  Message message({});
  const ssize_t n = message.receive(box_);
  if (n < 0 && errno != EINTR) return std::nullopt;
  return n > 0 ? message.take_descriptor() : support::UniqueFd();
}

void Heir::adopt(support::UniqueFd socket) const {
  // Without one, this process has no descriptor left: the kernel has closed the connection.
  if (socket) adopt_(std::move(socket));
}

}  // namespace appd::worker
