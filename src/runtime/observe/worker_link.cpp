#include "runtime/observe/worker_link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>

#include "runtime/support/throw_errno.hpp"

namespace appd::observe {
namespace {

//   worker → master:  | kind | step | text … |      master → worker:  | order |
// One datagram each; never empty, so that a length of 0 is the end of the stream.
constexpr std::size_t kHeadSize = 2;
constexpr std::size_t kMaxText = 4096;

void send_datagram(int fd, std::span<const char> bytes) noexcept {
  ssize_t sent = 0;
  do {
    sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
}

struct Datagram {
  WorkerLink::Got got;
  std::size_t size;
};

Datagram receive_datagram(int fd, std::span<char> into) noexcept {
  ssize_t got = 0;
  do {
    got = ::recv(fd, into.data(), into.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return {WorkerLink::Got::message, static_cast<std::size_t>(got)};
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {WorkerLink::Got::nothing, 0};
  return {WorkerLink::Got::closed, 0};
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
    case StartStep::start_threads:
      return "start_threads";
    case StartStep::open_server:
      return "open_server";
  }
  return "unknown step";
}

std::pair<WorkerLink, WorkerLink> WorkerLink::make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    support::throw_errno("socketpair");
  }
  return {WorkerLink(support::UniqueFd(ends[0])), WorkerLink(support::UniqueFd(ends[1]))};
}

void WorkerLink::send(const WorkerMessage& message) noexcept {
  std::array<char, kHeadSize + kMaxText> bytes;
  bytes[0] = static_cast<char>(message.kind);
  bytes[1] = static_cast<char>(message.step);
  const std::size_t size = std::min(message.text.size(), kMaxText);
  std::memcpy(bytes.data() + kHeadSize, message.text.data(), size);
  send_datagram(fd_.get(), std::span(bytes).first(kHeadSize + size));
}

void WorkerLink::send(MasterOrder order) noexcept {
  const std::array<char, 1> bytes{static_cast<char>(order)};
  send_datagram(fd_.get(), bytes);
}

std::pair<WorkerLink::Got, WorkerMessage> WorkerLink::receive_message() noexcept {
  std::array<char, kHeadSize + kMaxText> bytes{};
  const auto [got, size] = receive_datagram(fd_.get(), bytes);
  if (got != Got::message) return {got, {}};
  const auto kind = static_cast<WorkerMessage::Kind>(bytes[0]);
  const auto step = static_cast<StartStep>(bytes[1]);
  // The application can write to any descriptor of its process: what is no message is passed over.
  if (size < kHeadSize || kind > WorkerMessage::Kind::failed || step > StartStep::open_server) {
    return {Got::nothing, {}};
  }
  return {Got::message, {kind, step, std::string(bytes.data() + kHeadSize, size - kHeadSize)}};
}

std::pair<WorkerLink::Got, MasterOrder> WorkerLink::receive_order() noexcept {
  std::array<char, 1> bytes{};
  const auto [got, size] = receive_datagram(fd_.get(), bytes);
  const auto order = static_cast<MasterOrder>(bytes[0]);
  if (got == Got::message && order != MasterOrder::drain) return {Got::nothing, {}};
  return {got, MasterOrder::drain};
}

}  // namespace appd::observe
