#include "runtime/observe/worker_link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/support/aside.hpp"
#include "runtime/support/put_descriptor.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::observe {
namespace {

//   worker → master:  | kind | step | text … |
//   master → worker:  | order |      to a zygote:  | fork | index |, with a descriptor beside it
// One datagram each; never empty, so that a length of 0 is the end of the stream.
constexpr std::size_t kHeadSize = 2;
constexpr std::size_t kMaxText = 16 * 1024;  // a traceback
using Index = std::uint32_t;
constexpr std::size_t kForkSize = 1 + sizeof(Index);
/// What cannot be done now is tried again after this.
constexpr std::chrono::milliseconds kPause{10};

/// Room for what comes beside a datagram.
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

bool send_datagram(int fd, std::span<char> bytes, int descriptor) noexcept {
  iovec part{bytes.data(), bytes.size()};
  Control<int> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(sizeof descriptor);
  support::put_descriptor(message, descriptor);
  return send_datagram(fd, message);
}

struct Datagram {
  WorkerLink::Got got;
  std::size_t size = 0;
  pid_t sender = 0;
  support::UniqueFd descriptor{};
};

ssize_t receive(int fd, msghdr& message, int flags) noexcept {
  ssize_t got = 0;
  do {
    got = ::recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  return got;
}

bool has_no_memory(int error) noexcept {
  return error == ENOBUFS || error == ENOMEM;
}

bool would_block(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK;
}

/// Want of memory is no end: what lies there is read later. Who polls would ask again at once, so
/// that is waited for here, for a moment.
Datagram judge(ssize_t got) noexcept {
  if (got < 0 && has_no_memory(errno)) {
    std::this_thread::sleep_for(kPause);
    return {WorkerLink::Got::nothing};
  }
  if (got < 0 && would_block(errno)) return {WorkerLink::Got::nothing};
  if (got <= 0) return {WorkerLink::Got::closed};
  return {WorkerLink::Got::message, static_cast<std::size_t>(got)};
}

/// What lies beside the datagram, if it is of this type.
template <typename Beside>
std::optional<Beside> beside(msghdr& message, int type) noexcept {
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != type) return std::nullopt;
  Beside found{};
  std::memcpy(&found, CMSG_DATA(header), sizeof found);
  return found;
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

/// From a worker: the kernel's word who sent it, and nothing else. There is no room for
/// descriptors, and where some are the kernel says so (MSG_CTRUNC); but it would close them here
/// and now, so it is asked with a look first.
Datagram receive_with_sender(int fd, std::span<char> into) noexcept {
  iovec part{into.data(), into.size()};
  Control<ucred> control{};
  msghdr message = prepare(part, control);
  Datagram datagram = judge(receive(fd, message, MSG_PEEK));
  if ((message.msg_flags & MSG_CTRUNC) != 0) return {WorkerLink::Got::descriptors};
  if (datagram.got != WorkerLink::Got::message) return datagram;
  message = prepare(part, control);
  datagram = judge(receive(fd, message, 0));
  if (const auto sender = beside<ucred>(message, SCM_CREDENTIALS)) datagram.sender = sender->pid;
  return datagram;
}

/// From the master.
Datagram receive_with_descriptor(int fd, std::span<char> into) noexcept {
  iovec part{into.data(), into.size()};
  Control<int> control{};
  msghdr message = prepare(part, control);
  Datagram datagram = judge(receive(fd, message, 0));
  if (const auto descriptor = beside<int>(message, SCM_RIGHTS)) {
    datagram.descriptor.reset(*descriptor);
  }
  return datagram;
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
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    support::throw_errno("socketpair");
  }
  std::pair<WorkerLink, WorkerLink> pair{WorkerLink(support::UniqueFd(ends[0])),
                                         WorkerLink(support::UniqueFd(ends[1]))};
  const int on = 1;
  if (::setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
    support::throw_errno("setsockopt", "SO_PASSCRED");
  }
  support::refuse_descriptors(ends[0]);
  return pair;
}

void WorkerLink::end() noexcept {
  if (!fd_) return;
  ::shutdown(fd_.get(), SHUT_RD);  // from here on nothing is put in
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
  std::array<char, kHeadSize + kMaxText> bytes;
  bytes[0] = static_cast<char>(message.kind);
  bytes[1] = static_cast<char>(message.step);
  const std::size_t size = std::min(message.text.size(), kMaxText);
  std::memcpy(bytes.data() + kHeadSize, message.text.data(), size);
  if (send_datagram(fd_.get(), std::span(bytes).first(kHeadSize + size))) return true;
  return !would_block(errno) && !has_no_memory(errno);
}

bool WorkerLink::send(MasterOrder order) noexcept {
  std::array<char, 1> bytes{static_cast<char>(order)};
  return send_datagram(fd_.get(), bytes);
}

bool WorkerLink::send_fork(unsigned index, const WorkerLink& worker_end) noexcept {
  std::array<char, kForkSize> bytes{static_cast<char>(MasterOrder::fork)};
  const Index place = index;
  std::memcpy(bytes.data() + 1, &place, sizeof place);
  return send_datagram(fd_.get(), bytes, worker_end.fd());
}

std::pair<WorkerLink::Got, WorkerMessage> WorkerLink::receive_message() noexcept {
  std::array<char, kHeadSize + kMaxText> bytes{};
  const Datagram datagram = receive_with_sender(fd_.get(), bytes);
  if (datagram.got != Got::message) return {datagram.got, {}};
  const auto kind = static_cast<WorkerMessage::Kind>(bytes[0]);
  const auto step = static_cast<StartStep>(bytes[1]);
  // The application can write to any descriptor of its process: what is no message is passed over.
  if (datagram.size < kHeadSize || kind > WorkerMessage::Kind::exiting ||
      step > StartStep::warm_up) {
    return {Got::nothing, {}};
  }
  std::string text(bytes.data() + kHeadSize, datagram.size - kHeadSize);
  return {Got::message, {kind, step, std::move(text), datagram.sender}};
}

std::pair<WorkerLink::Got, Order> WorkerLink::receive_order() noexcept {
  std::array<char, kForkSize> bytes{};
  Datagram datagram = receive_with_descriptor(fd_.get(), bytes);
  if (datagram.got != Got::message) return {datagram.got, Order{}};
  const auto kind = static_cast<MasterOrder>(bytes[0]);
  Index index = 0;
  std::memcpy(&index, bytes.data() + 1, sizeof index);
  const std::size_t size = kind == MasterOrder::fork ? kForkSize : 1;
  if (kind > MasterOrder::fork || datagram.size != size) return {Got::nothing, Order{}};
  return {Got::message, Order{kind, index, std::move(datagram.descriptor)}};
}

}  // namespace appd::observe
