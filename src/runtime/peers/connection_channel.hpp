// A channel through which processes pass connections to each other: SEQPACKET with SCM_RIGHTS.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>

#include "runtime/net/caller.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::peers {

/// A box for connections. Any process that has the ends open may put connections in, and take them
/// out. What lies in it outlives the process that put it in.
struct ConnectionChannel {
  /// Throws std::system_error.
  ConnectionChannel();
  ConnectionChannel(support::UniqueFd in_end, support::UniqueFd out_end) noexcept;
  /// Before anybody reads.
  ConnectionChannel(ConnectionChannel&& other) noexcept;

  /// Puts a copy of the descriptor in, with bytes that have been read of the connection and are to
  /// be read again. False if there is no room or no memory now: nothing has happened. Never waits.
  bool send(int socket, net::Caller caller, std::string_view bytes = {}) const noexcept;
  /// Tells the reader that the sender has an idle thread. Never waits.
  bool send_offer() const noexcept;
  /// Wakes a process that waits for something to come out. Never waits.
  bool send_wake_up() const noexcept;

  support::UniqueFd in;
  support::UniqueFd out;
  mutable std::mutex reading;  ///< among the threads of one process; among processes: a file lock
};

/// Nothing can be put into the channel with this end any more. What is in can be taken out.
void end_channel(int end) noexcept;

/// Takes messages out of a channel. To look at a message and to take it out are two steps: the
/// descriptor is installed first, and a connection for which that fails is still in the channel. So
/// a channel has one reader at a time, of all processes. The lock for it is a record lock: it is
/// the process's (not a thread's), ends with it, and no child of the application has it.
class ChannelReader {
 public:
  /// Takes the lock if it is free. −1 for a channel that does not exist.
  explicit ChannelReader(int out) noexcept;
  ~ChannelReader();
  ChannelReader(const ChannelReader&) = delete;
  ChannelReader& operator=(const ChannelReader&) = delete;

  /// False if another process reads there just now. Then nothing else may be called.
  explicit operator bool() const noexcept { return out_ >= 0; }

  enum class Kind : char {
    front,    ///< a connection of a front, or a wake-up: then `socket` is empty
    offer,    ///< the sender has an idle thread
    client,   ///< a connection of a client
    proxied,  ///< the same, and what is read next of it is the header of the PROXY protocol
  };
  struct Message {
    Kind kind = Kind::front;
    support::UniqueFd socket{};
    std::string_view bytes{};  ///< read of the connection already; in the buffer of `look`

    net::Caller caller() const noexcept;
  };
  enum class Found : std::uint8_t {
    nothing,
    one,
    no_room,  ///< this process has no descriptor free for it
    failed,   ///< the kernel cannot read now
  };
  /// Reads the next message and leaves it in the channel. `buffer` takes its bytes. After `no_room`
  /// or `failed` it must not be taken out: the connection would be lost, because the kernel closes
  /// what it cannot hand out.
  Found look(std::span<char> buffer, Message& message) noexcept;
  /// Takes the message out that was looked at. False if it is still there.
  bool take_out() noexcept;

 private:
  const int out_;
};

}  // namespace appd::peers
