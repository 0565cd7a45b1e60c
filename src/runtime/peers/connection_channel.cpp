// Packs a connection and its unread bytes into a datagram, and unpacks it.

#include "runtime/peers/connection_channel.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cerrno>
#include <utility>

#include "runtime/support/passed_descriptors.hpp"
#include "runtime/support/seqpacket_pair.hpp"

namespace appd::peers {
namespace {

using Kind = ChannelReader::Kind;

Kind kind_of(net::Caller caller) noexcept {
  switch (caller) {
    case net::Caller::front:
      break;
    case net::Caller::client:
      return Kind::client;
    case net::Caller::proxied:
      return Kind::proxied;
  }
  return Kind::front;
}

/// A message as the system calls want it: what it is, bytes, and room for one descriptor. Views
/// itself and the bytes.
class Datagram {
 public:
  explicit Datagram(std::span<char> bytes) noexcept
      : parts_{{{&kind, sizeof kind}, {bytes.data(), bytes.size()}}} {
    header.msg_iov = parts_.data();
    header.msg_iovlen = parts_.size();
    header.msg_control = control_.data();
    header.msg_controllen = control_.size();
  }
  Datagram(const Datagram&) = delete;
  Datagram& operator=(const Datagram&) = delete;

  Kind kind{};
  msghdr header{};

 private:
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control_{};
  std::array<iovec, 2> parts_;
};

bool send_datagram(int in, const Datagram& datagram) noexcept {
  return ::sendmsg(in, &datagram.header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

bool send_without_descriptor(int in, Kind kind) noexcept {
  Datagram datagram({});
  datagram.kind = kind;
  datagram.header.msg_controllen = 0;
  return send_datagram(in, datagram);
}

bool has_free_descriptor() noexcept {
  // Not a copy of the channel's: to close that would end the lock.
  return static_cast<bool>(support::UniqueFd(::eventfd(0, EFD_CLOEXEC)));
}

bool set_lock(int fd, short type) noexcept {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, F_SETLK, &lock) == 0;
}

/// As recvmsg(2); the message's descriptor, if it has one, is in `socket` afterwards.
ssize_t peek(int out, Datagram& datagram, support::UniqueFd& socket) noexcept {
  datagram.header.msg_controllen = CMSG_SPACE(sizeof(int));
  ssize_t n = 0;
  do {
    n = ::recvmsg(out, &datagram.header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n > 0) support::take_descriptors(datagram.header, std::span(&socket, 1));
  return n;
}

}  // namespace

ConnectionChannel::ConnectionChannel() {
  std::tie(in, out) = support::make_seqpacket_pair("channel for connections");
}

ConnectionChannel::ConnectionChannel(support::UniqueFd in_end, support::UniqueFd out_end) noexcept
    : in(std::move(in_end)), out(std::move(out_end)) {}

ConnectionChannel::ConnectionChannel(ConnectionChannel&& other) noexcept
    : ConnectionChannel(std::move(other.in), std::move(other.out)) {}

bool ConnectionChannel::send(int socket, net::Caller caller,
                             std::string_view bytes) const noexcept {
  Datagram datagram({const_cast<char*>(bytes.data()), bytes.size()});
  datagram.kind = kind_of(caller);
  support::put_descriptors(datagram.header, std::span(&socket, 1));
  return send_datagram(in.get(), datagram);
}

bool ConnectionChannel::send_offer() const noexcept {
  return send_without_descriptor(in.get(), Kind::offer);
}

bool ConnectionChannel::send_wake_up() const noexcept {
  return send_without_descriptor(in.get(), Kind::front);
}

void end_channel(int end) noexcept {
  ::shutdown(end, SHUT_RDWR);
}

ChannelReader::ChannelReader(int out) noexcept : out_(set_lock(out, F_WRLCK) ? out : -1) {}

ChannelReader::~ChannelReader() {
  if (out_ >= 0) set_lock(out_, F_UNLCK);
}

ChannelReader::Found ChannelReader::look(std::span<char> buffer, Message& message) noexcept {
  constexpr int kAttempts = 2;
  message = {};
  Datagram datagram(buffer);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const ssize_t n = peek(out_, datagram, message.socket);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return Found::failed;
    if (n <= 0) return Found::nothing;
    message.kind = datagram.kind;
    message.bytes = {buffer.data(), static_cast<std::size_t>(n) - sizeof datagram.kind};
    if (message.socket || (datagram.header.msg_flags & MSG_CTRUNC) == 0) return Found::one;
    if (!has_free_descriptor()) return Found::no_room;
  }
  // Something else forbids it (a security module), and would do so for ever.
  return Found::one;
}

net::Caller ChannelReader::Message::caller() const noexcept {
  if (kind == Kind::proxied) return net::Caller::proxied;
  return kind == Kind::client ? net::Caller::client : net::Caller::front;
}

bool ChannelReader::take_out() noexcept {
  Kind kind{};
  ssize_t n = 0;
  do {
    n = ::recv(out_, &kind, sizeof kind, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  return n > 0;
}

}  // namespace appd::peers
