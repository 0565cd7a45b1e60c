// Encodes and receives the datagrams of a worker link, with descriptors and sender.

#include "runtime/ipc/worker_link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/support/aside.hpp"
#include "runtime/support/passed_descriptors.hpp"
#include "runtime/support/passing_errors.hpp"
#include "runtime/support/seqpacket_pair.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::ipc {
namespace {

//   worker → master:  | kind | step | text … |
//   master → worker:  | order |      to a zygote:  | fork | index |, with a descriptor beside it
//                     | reopen | which |, a bit for each descriptor beside it
// One datagram each; never empty, so that a length of 0 is the end of the stream.
constexpr std::size_t kHeadSize = 2;
using Index = std::uint32_t;
constexpr std::size_t kForkSize = 1 + sizeof(Index);
constexpr std::size_t kReopenSize = 2;
constexpr std::size_t kStreams = 3;
using Descriptors = std::array<int, kStreams>;
/// The pause before another try.
constexpr std::chrono::milliseconds kPause{10};

/// Room for the ancillary data of a datagram.
template <typename Beside>
union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(Beside))> bytes;
};

bool send_datagram(int fd, const msghdr& message) noexcept {
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

bool send_datagram(int fd, std::span<char> bytes) noexcept {
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return send_datagram(fd, message);
}

/// With descriptors attached.
bool send_datagram(int fd, std::span<char> bytes, std::span<const int> descriptors) noexcept {
  iovec part{bytes.data(), bytes.size()};
  Control<Descriptors> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  support::put_descriptors(message, descriptors);
  return send_datagram(fd, message);
}

struct Datagram {
  WorkerLink::Got got;
  std::size_t size = 0;
  pid_t sender = 0;
  std::array<support::UniqueFd, kStreams> descriptors{};
};

/// If the other side ended with unread data, the kernel reports that once (ECONNRESET), before the
/// data that it sent.
ssize_t receive(int fd, msghdr& message, int flags) noexcept {
  ssize_t got = 0;
  do {
    got = ::recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
  } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  return got;
}

/// A lack of memory is not the end: the datagram stays and is read later. A caller that polls would
/// try again at once, so this waits for a moment.
Datagram judge(ssize_t got) noexcept {
  if (got < 0 && support::has_no_memory(errno)) {
    std::this_thread::sleep_for(kPause);
    return {WorkerLink::Got::nothing};
  }
  if (got < 0 && support::would_block(errno)) return {WorkerLink::Got::nothing};
  if (got <= 0) return {WorkerLink::Got::closed};
  return {WorkerLink::Got::message, static_cast<std::size_t>(got)};
}

/// The sender of the datagram, as the kernel reports it; 0 if it does not.
pid_t sender_of(msghdr& message) noexcept {
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS) return 0;
  ucred found{};
  std::memcpy(&found, CMSG_DATA(header), sizeof found);
  return found.pid;
}

template <typename Beside>
msghdr prepare(iovec& part, Control<Beside>& control) noexcept {
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  return message;
}

/// Receives from a worker, with the sender as the kernel reports it and nothing else. There is no
/// room for descriptors: the kernel would say so (MSG_CTRUNC) but close them here and now. So the
/// datagram is peeked at first.
Datagram receive_with_sender(int fd, std::span<char> into) noexcept {
  iovec part{into.data(), into.size()};
  Control<ucred> control{};
  msghdr message = prepare(part, control);
  Datagram datagram = judge(receive(fd, message, MSG_PEEK));
  if ((message.msg_flags & MSG_CTRUNC) != 0) return {WorkerLink::Got::descriptors};
  if (datagram.got != WorkerLink::Got::message) return datagram;
  message = prepare(part, control);
  datagram = judge(receive(fd, message, 0));
  datagram.sender = sender_of(message);
  return datagram;
}

/// Receives from the master. Descriptors that this process has no room for are missing.
Datagram receive_with_descriptors(int fd, std::span<char> into) noexcept {
  iovec part{into.data(), into.size()};
  Control<Descriptors> control{};
  msghdr message = prepare(part, control);
  Datagram datagram = judge(receive(fd, message, 0));
  if (datagram.got == WorkerLink::Got::message) {
    support::take_descriptors(message, datagram.descriptors);
  }
  return datagram;
}

std::size_t size_of(MasterOrder order) noexcept {
  return order == MasterOrder::fork ? kForkSize : order == MasterOrder::reopen ? kReopenSize : 1;
}

}  // namespace

const char* name(StartStep step) noexcept {
  switch (step) {
    case StartStep::enter_directory:
      return "enter_directory";
    case StartStep::start_interpreter:
      return "start_interpreter";
    case StartStep::import_application:
      return "import_application";
    case StartStep::run_fork_hooks:
      return "run_fork_hooks";
    case StartStep::start_threads:
      return "start_threads";
    case StartStep::warm_up:
      return "warm_up";
  }
  return "unknown step";
}

std::pair<WorkerLink, WorkerLink> WorkerLink::make_pair() {
  auto [masters, workers] = support::make_seqpacket_pair("worker link");
  const int on = 1;
  if (::setsockopt(masters.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
    support::throw_errno("setsockopt", "SO_PASSCRED");
  }
  support::refuse_descriptors(masters.get());
  return {WorkerLink(std::move(masters)), WorkerLink(std::move(workers))};
}

void WorkerLink::end() noexcept {
  if (!fd_) return;
  ::shutdown(fd_.get(), SHUT_RD);  // from here on nothing can be put in
  std::array<char, 1> byte{};
  if (receive_with_sender(fd_.get(), byte).got == Got::closed) return fd_.reset();
  std::vector<support::UniqueFd> ends;
  ends.push_back(std::move(fd_));
  support::close_aside(std::move(ends));
}

void WorkerLink::send(const WorkerMessage& message) noexcept {
  while (!try_send(message)) std::this_thread::sleep_for(kPause);
}

bool WorkerLink::try_send(const WorkerMessage& message) noexcept {
  std::array<char, kHeadSize + kMostMessageText> bytes;
  bytes[0] = static_cast<char>(message.kind);
  bytes[1] = static_cast<char>(message.step);
  const std::size_t size = std::min(message.text.size(), kMostMessageText);
  std::memcpy(bytes.data() + kHeadSize, message.text.data(), size);
  if (send_datagram(fd_.get(), std::span(bytes).first(kHeadSize + size))) return true;
  return !support::would_block(errno) && !support::has_no_memory(errno);
}

bool WorkerLink::send(MasterOrder order) noexcept {
  std::array<char, 1> bytes{static_cast<char>(order)};
  return send_datagram(fd_.get(), bytes);
}

bool WorkerLink::send_fork(unsigned index, const WorkerLink& worker_end) noexcept {
  std::array<char, kForkSize> bytes{static_cast<char>(MasterOrder::fork)};
  const Index place = index;
  std::memcpy(bytes.data() + 1, &place, sizeof place);
  const int descriptor = worker_end.fd();
  return send_datagram(fd_.get(), bytes, std::span(&descriptor, 1));
}

bool WorkerLink::send_reopen(const gateway::LogStreams& logs) noexcept {
  Descriptors descriptors{};
  std::size_t count = 0;
  unsigned which = 0;
  for (const int fd : {logs.out, logs.err, logs.access}) {
    which <<= 1;
    if (fd < 0) continue;
    descriptors[count++] = fd;
    which |= 1;
  }
  if (count == 0) return true;
  std::array<char, kReopenSize> bytes{static_cast<char>(MasterOrder::reopen),
                                      static_cast<char>(which)};
  return send_datagram(fd_.get(), bytes, std::span(descriptors).first(count));
}

std::pair<WorkerLink::Got, WorkerMessage> WorkerLink::receive_message() noexcept {
  std::array<char, kHeadSize + kMostMessageText> bytes{};
  const Datagram datagram = receive_with_sender(fd_.get(), bytes);
  if (datagram.got != Got::message) return {datagram.got, {}};
  const auto kind = static_cast<WorkerMessage::Kind>(bytes[0]);
  const auto step = static_cast<StartStep>(bytes[1]);
  // The application can write to any descriptor of its process. A datagram that is not a message is
  // skipped.
  if (datagram.size < kHeadSize || kind > WorkerMessage::Kind::program ||
      step > StartStep::warm_up) {
    return {Got::nothing, {}};
  }
  std::string text(bytes.data() + kHeadSize, datagram.size - kHeadSize);
  return {Got::message, {kind, step, std::move(text), datagram.sender}};
}

std::pair<WorkerLink::Got, Order> WorkerLink::receive_order() noexcept {
  std::array<char, kForkSize> bytes{};
  Datagram datagram = receive_with_descriptors(fd_.get(), bytes);
  if (datagram.got != Got::message) return {datagram.got, Order{}};
  Order order{static_cast<MasterOrder>(bytes[0])};
  if (order.kind > MasterOrder::reopen || datagram.size != size_of(order.kind)) {
    return {Got::nothing, Order{}};
  }
  if (order.kind == MasterOrder::fork) {
    Index index = 0;
    std::memcpy(&index, bytes.data() + 1, sizeof index);
    order.index = index;
    order.link = std::move(datagram.descriptors[0]);
  } else if (order.kind == MasterOrder::reopen) {
    auto next = datagram.descriptors.begin();
    unsigned bit = 1U << kStreams;
    for (support::UniqueFd* const stream : {&order.out, &order.err, &order.access}) {
      bit >>= 1;
      if ((static_cast<unsigned>(bytes[1]) & bit) != 0) *stream = std::move(*next++);
    }
  }
  return {Got::message, std::move(order)};
}

}  // namespace appd::ipc
