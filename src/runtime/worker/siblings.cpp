#include "runtime/worker/siblings.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "runtime/support/throw_errno.hpp"

namespace appd::worker {
namespace {

/// Between counting a connection and putting it into the box lie a few instructions; who has not
/// done so after this time has died there.
constexpr std::chrono::milliseconds kGivingTime{100};

/// Room for one descriptor beside a message.
union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

int descriptor_in(const msghdr& message) noexcept {
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return -1;
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

}  // namespace

Mailboxes::Mailboxes(unsigned workers) {
  for (unsigned i = 0; workers > 1 && i < workers; ++i) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      support::throw_errno("socketpair", "mailbox");
    }
    boxes_.push_back({support::UniqueFd(ends[0]), support::UniqueFd(ends[1])});
  }
}

Siblings::Siblings(net::EventLoop& loop, unsigned index, std::span<observe::WorkerLoad> loads,
                   std::span<const Mailboxes::Box> boxes, unsigned threads)
    : index_(index),
      loads_(loads),
      boxes_(boxes),
      threads_(threads),
      watch_(loop, boxes.empty() ? -1 : boxes[index].out.get(), *this) {}

void Siblings::open(Adopt adopt) {
  adopt_ = std::move(adopt);
  loads_[index_].open.store(true);
  if (boxes_.empty()) return;
  buffer_.resize(kMostBytes);
  watch_.want(EPOLLIN);
}

void Siblings::close() {
  observe::WorkerLoad& load = loads_[index_];
  load.open.store(false);
  if (boxes_.empty() || !adopt_) return;
  // Against `give`: either that sees it closed, or this sees that something is on its way.
  const auto deadline = std::chrono::steady_clock::now() + kGivingTime;
  while (true) {
    while (receive_one()) {
    }
    if (load.incoming.load() <= 0 || std::chrono::steady_clock::now() > deadline) return;
    std::this_thread::yield();
  }
}

/// The next one after this worker, so that not all choose the same.
observe::WorkerLoad* Siblings::idle_one() const noexcept {
  for (std::size_t i = 1; i < boxes_.size(); ++i) {
    observe::WorkerLoad& load = loads_[(index_ + i) % boxes_.size()];
    if (load.has_idle_thread(threads_)) return &load;
  }
  return nullptr;
}

bool Siblings::give(int socket, std::string_view bytes) noexcept {
  observe::WorkerLoad* const load = idle_one();
  if (load == nullptr || bytes.size() > kMostBytes) return false;
  // A message needs a byte even if there is nothing to tell.
  std::array<char, 1> mark{};
  std::array<iovec, 2> parts{
      {{mark.data(), mark.size()}, {const_cast<char*>(bytes.data()), bytes.size()}}};
  Control control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof socket);
  std::memcpy(CMSG_DATA(header), &socket, sizeof socket);
  load->incoming.fetch_add(1);
  const auto to = static_cast<std::size_t>(load - loads_.data());
  if (load->open.load() &&
      ::sendmsg(boxes_[to].in.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
    return true;
  }
  load->incoming.fetch_sub(1);
  return false;
}

void Siblings::on_events(std::uint32_t) {
  if (receive_one()) watch_.again();
}

bool Siblings::receive_one() {
  std::array<char, 1> mark{};
  std::array<iovec, 2> parts{{{mark.data(), mark.size()}, {buffer_.data(), buffer_.size()}}};
  Control control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const ssize_t n = ::recvmsg(boxes_[index_].out.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n <= 0) return n < 0 && errno == EINTR;
  loads_[index_].incoming.fetch_sub(1);
  support::UniqueFd socket(descriptor_in(message));
  // Without one, this process has no descriptor left: the kernel has closed the connection.
  if (socket) adopt_(std::move(socket), {buffer_.data(), static_cast<std::size_t>(n) - 1});
  return true;
}

}  // namespace appd::worker
