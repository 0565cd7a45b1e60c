#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cstring>
#include <span>

#include "runtime/support/put_descriptor.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::worker {

/// The first byte of a message: what it is.
enum class Mark : char {
  connection,  ///< its descriptor is beside it, what has been read of it behind
  has_time,    ///< the sender has an idle thread
};

/// A message between workers as the system calls want it, with room for one descriptor. Views
/// itself and `bytes`.
class Message {
 public:
  explicit Message(std::span<char> bytes) noexcept
      : parts_{{{&mark, sizeof mark}, {bytes.data(), bytes.size()}}} {
    header_.msg_iov = parts_.data();
    header_.msg_iovlen = parts_.size();
    header_.msg_control = control_.data();
    header_.msg_controllen = control_.size();
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  Mark mark{};

  void put_descriptor(int fd) noexcept { support::put_descriptor(header_, fd); }
  support::UniqueFd take_descriptor() const noexcept {
    const cmsghdr* const control = CMSG_FIRSTHDR(&header_);
    if (control == nullptr || control->cmsg_type != SCM_RIGHTS) return {};
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
    return support::UniqueFd(fd);
  }
  void leave_out_descriptor() noexcept { header_.msg_controllen = 0; }

  bool send(int box) const noexcept {
    return ::sendmsg(box, &header_, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  }
  /// As recvmsg(2).
  ssize_t receive(int box) noexcept {
    return ::recvmsg(box, &header_, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  }

 private:
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control_{};
  std::array<iovec, 2> parts_;
  msghdr header_{};
};

}  // namespace appd::worker
