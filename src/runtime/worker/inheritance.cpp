#include "runtime/worker/inheritance.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "runtime/net/neighbours.hpp"
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

int salvage(int mailbox, const Inheritance& box) {
  std::vector<char> buffer(net::Neighbours::kMostBytes);
  // Closed when all have been moved: whoever sent one decides how long that takes.
  std::vector<support::UniqueFd> moved;
  int connections = 0;
  while (true) {
    Message found(buffer);
    const ssize_t n = found.receive(mailbox);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (found.mark != Mark::connection) continue;
    ++connections;
    support::UniqueFd socket = found.take_descriptor();
    if (!socket) continue;
    Message left({buffer.data(), static_cast<std::size_t>(n) - 1});
    left.mark = Mark::connection;
    left.put_descriptor(socket.get());
    left.send(box.in.get());
    moved.push_back(std::move(socket));
  }
  Message nothing({});
  nothing.leave_out_descriptor();
  nothing.send(box.in.get());
  return connections;
}

void close_mailbox(int mailbox) noexcept {
  ::shutdown(mailbox, SHUT_RDWR);
}

Heir::Heir(net::EventLoop& loop, const Inheritance& box)
    : box_(box.out.get()), watch_(loop, box_, *this) {}

void Heir::open(Adopt adopt) {
  adopt_ = std::move(adopt);
  buffer_.resize(net::Neighbours::kMostBytes);
  watch_.want(EPOLLIN | EPOLLEXCLUSIVE);
}

void Heir::close() {
  if (watch_.events() == 0) return;
  watch_.end();
  // The kernel may have woken this process alone for it.
  receive_one();
}

void Heir::on_events(std::uint32_t) {
  receive_one();
}

void Heir::receive_one() {
  Message message(buffer_);
  const ssize_t n = message.receive(box_);
  if (n < 0 && errno != EINTR) return;
  if (watch_.events() != 0) watch_.again();
  // Without one, it was only to wake an heir; or this process has no descriptor left, and the
  // kernel has closed the connection.
  if (support::UniqueFd socket = n > 0 ? message.take_descriptor() : support::UniqueFd(); socket) {
    adopt_(std::move(socket), {buffer_.data(), static_cast<std::size_t>(n) - 1});
  }
}

}  // namespace appd::worker
