// A connection as a message to another worker: SEQPACKET with SCM_RIGHTS.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/support/put_descriptor.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::peers {

/// The first byte of a message: what it is.
enum class Mark : char {
  connection,  ///< its descriptor is beside it, what has been read of it behind
  has_time,    ///< the sender has an idle thread
};

/// To look at a message and to take it out are two steps, so a box has one reader at a time, of all
/// processes that have it open: who has this. A record lock is the process's (not a thread's): it
/// ends with that, and no child of the application has it.
class Reading {
 public:
  /// Does not wait.
  explicit Reading(int box) noexcept;
  ~Reading();
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  /// False: another process reads there just now.
  explicit operator bool() const noexcept { return box_ >= 0; }

 private:
  const int box_;
};

/// A message between workers as the system calls want it, with room for one descriptor. Views
/// itself and `bytes`.
class Message {
 public:
  explicit Message(std::span<char> bytes) noexcept
      : bytes_(bytes), parts_{{{&mark, sizeof mark}, {bytes.data(), bytes.size()}}} {
    header_.msg_iov = parts_.data();
    header_.msg_iovlen = parts_.size();
    header_.msg_control = control_.data();
    header_.msg_controllen = control_.size();
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  Mark mark{};

  void put_descriptor(int fd) noexcept { support::put_descriptor(header_, fd); }
  void leave_out_descriptor() noexcept { header_.msg_controllen = 0; }
  bool send(int box) const noexcept {
    return ::sendmsg(box, &header_, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  }

  enum class Found : std::uint8_t { nothing, one, no_room, failed };
  /// Reads the next message and leaves it in the box. `no_room`: this process has no descriptor
  /// free for it. `failed`: the kernel cannot read now. A message that were taken out then would
  /// lose its connection: the kernel closes what it cannot hand out. Only who is `Reading` the box
  /// may look, and on a fresh object.
  Found look(int box) noexcept;
  /// Takes the message out that was looked at. False: it is still there.
  static bool take_out(int box) noexcept;
  /// Of the message that was looked at: its descriptor, if it had one, and the bytes behind the
  /// mark.
  support::UniqueFd take_descriptor() noexcept { return std::move(descriptor_); }
  std::string_view bytes() const noexcept { return {bytes_.data(), size_}; }

 private:
  ssize_t peek(int box) noexcept;

  const std::span<char> bytes_;
  std::size_t size_ = 0;
  support::UniqueFd descriptor_;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control_{};
  std::array<iovec, 2> parts_;
  msghdr header_{};
};

}  // namespace appd::peers
