#include "runtime/observe/worker_link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

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

/// Room for what comes beside a datagram: the kernel's word who sent it, and a descriptor.
union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int))> bytes;
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
  Control control{};
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

void take_control(msghdr& message, Datagram& into) noexcept {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
      into.sender = credentials.pid;
    } else if (header->cmsg_type == SCM_RIGHTS) {
      // There may be several: the application can write to any descriptor of its process.
      const std::size_t end = header->cmsg_len - CMSG_LEN(0);
      for (std::size_t at = 0; at + sizeof(int) <= end; at += sizeof(int)) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header) + at, sizeof descriptor);
        into.descriptor.reset(descriptor);
      }
    }
  }
}

Datagram receive_datagram(int fd, std::span<char> into) noexcept {
  iovec part{into.data(), into.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {WorkerLink::Got::nothing};
  if (got <= 0) return {WorkerLink::Got::closed};
  Datagram datagram{WorkerLink::Got::message, static_cast<std::size_t>(got)};
  take_control(message, datagram);
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
  return pair;
}

void WorkerLink::send(const WorkerMessage& message) noexcept {
  std::array<char, kHeadSize + kMaxText> bytes;
  bytes[0] = static_cast<char>(message.kind);
  bytes[1] = static_cast<char>(message.step);
  const std::size_t size = std::min(message.text.size(), kMaxText);
  std::memcpy(bytes.data() + kHeadSize, message.text.data(), size);
  send_datagram(fd_.get(), std::span(bytes).first(kHeadSize + size));
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
  const Datagram datagram = receive_datagram(fd_.get(), bytes);
  if (datagram.got != Got::message) return {datagram.got, {}};
  const auto kind = static_cast<WorkerMessage::Kind>(bytes[0]);
  const auto step = static_cast<StartStep>(bytes[1]);
  // The application can write to any descriptor of its process: what is no message is passed over.
  if (datagram.size < kHeadSize || kind > WorkerMessage::Kind::stuck || step > StartStep::warm_up) {
    return {Got::nothing, {}};
  }
  std::string text(bytes.data() + kHeadSize, datagram.size - kHeadSize);
  return {Got::message, {kind, step, std::move(text), datagram.sender}};
}

std::pair<WorkerLink::Got, Order> WorkerLink::receive_order() noexcept {
  std::array<char, kForkSize> bytes{};
  Datagram datagram = receive_datagram(fd_.get(), bytes);
  if (datagram.got != Got::message) return {datagram.got, Order{}};
  const auto kind = static_cast<MasterOrder>(bytes[0]);
  Index index = 0;
  std::memcpy(&index, bytes.data() + 1, sizeof index);
  const std::size_t size = kind == MasterOrder::fork ? kForkSize : 1;
  if (kind > MasterOrder::fork || datagram.size != size) return {Got::nothing, Order{}};
  return {Got::message, Order{kind, index, std::move(datagram.descriptor)}};
}

}  // namespace appd::observe
