// Queues connections of retired and dead workers, and takes them out of the queue.

#include "runtime/peers/handover.hpp"

#include <sys/socket.h>

#include <array>
#include <utility>

#include "runtime/net/peers.hpp"
#include "runtime/peers/connection_message.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::peers {
namespace {

/// Until a connection that there was no descriptor for is tried again.
constexpr std::chrono::milliseconds kPause{10};
/// Until another reader has done what it does in a few microseconds.
constexpr std::chrono::milliseconds kReaderPause{1};

}  // namespace

HandoverQueue::HandoverQueue() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    support::throw_errno("socketpair", "handover queue");
  }
  in.reset(ends[0]);
  out.reset(ends[1]);
}

bool hand_over(const HandoverQueue& box, int socket) noexcept {
  Message message({});
  message.mark = Mark::connection;
  message.put_descriptor(socket);
  return message.send(box.in.get());
}

int recover(int inbox, const HandoverQueue& box) {
  std::vector<char> buffer(net::Peers::kMostBytes);
  // Closed when all have been moved: whoever sent one decides how long that takes.
  std::vector<support::UniqueFd> moved;
  int connections = 0;
  const Reading reading(inbox);  // if not, a replacement in its place takes what is there
  while (reading) {
    Message found(buffer);
    if (found.look(inbox) != Message::Found::one) break;
    if (support::UniqueFd socket = found.take_descriptor(); socket) {
      const std::string_view bytes = found.bytes();
      Message left({buffer.data(), bytes.size()});
      left.mark = Mark::connection;
      left.put_descriptor(socket.get());
      const bool wanted = found.mark == Mark::connection;
      const bool full = wanted && !left.send(box.in.get());
      moved.push_back(std::move(socket));
      if (full) break;
      if (wanted) ++connections;
    }
    if (!Message::take_out(inbox)) break;
  }
  Message nothing({});
  nothing.leave_out_descriptor();
  nothing.send(box.in.get());
  return connections;
}

void close_inbox(int inbox) noexcept {
  ::shutdown(inbox, SHUT_RDWR);
}

HandoverReceiver::HandoverReceiver(net::EventLoop& loop, const HandoverQueue& box)
    : handover_queue_(box),
      box_(box.out.get()),
      watch_(loop, box_, *this),
      pause_(loop, [this] { listen(); }) {}

void HandoverReceiver::open(Adopt adopt, MakeRoom make_room) {
  adopt_ = std::move(adopt);
  make_room_ = std::move(make_room);
  buffer_.resize(net::Peers::kMostBytes);
  listen();
}

void HandoverReceiver::close() {
  const bool was_open = watch_.events() != 0 || pause_.armed();
  watch_.end();
  pause_.cancel();
  // The kernel may have woken this process alone for it.
  if (was_open) receive_one();
}

void HandoverReceiver::on_events(std::uint32_t) {
  receive_one();
}

void HandoverReceiver::on_watch_failed(int) {
  pause(kPause);
}

void HandoverReceiver::listen() {
  watch_.want(EPOLLIN | EPOLLEXCLUSIVE);
}

void HandoverReceiver::pause(std::chrono::milliseconds time) {
  if (watch_.events() == 0) return;  // it is closed
  watch_.end();
  pause_.expire_after(time);
}

void HandoverReceiver::receive_one() {
  Message message(buffer_);
  {
    const std::unique_lock among_threads(handover_queue_.reading, std::try_to_lock);
    const Reading reading(among_threads ? box_ : -1);
    if (!reading) return pause(kReaderPause);
    const Message::Found found = message.look(box_);
    if (found == Message::Found::nothing) return;
    if (found != Message::Found::one || !Message::take_out(box_)) {
      made_room_ = found == Message::Found::no_room && !made_room_ && make_room_();
      return made_room_ ? watch_.again() : pause(kPause);
    }
    made_room_ = false;
  }
  if (watch_.events() != 0) watch_.again();
  // Without one, it was only to wake a receiver.
  if (support::UniqueFd socket = message.take_descriptor(); socket) {
    adopt_(std::move(socket), message.bytes());
  }
}

}  // namespace appd::peers
