// The interfaces through which connections go to other workers and come from them.
#pragma once

#include <cstddef>
#include <string_view>

#include "runtime/net/caller.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

/// Takes connections from other workers: the server. Loop's thread.
class ConnectionTaker {
 public:
  /// Takes a connection from a peer, with the bytes that the peer has read from it.
  virtual void adopt(support::UniqueFd socket, Caller caller, std::string_view bytes) = 0;
  /// Takes over a connection that its worker could not keep. That worker may have had another
  /// configuration, so the front may no longer be admitted.
  virtual void take_over(support::UniqueFd socket, Caller caller, std::string_view bytes) = 0;
  /// There is no descriptor for a connection that another worker has given: closes an idle one.
  /// Returns false if none is idle; the given one must then wait.
  virtual bool make_room_for_given() = 0;

 protected:
  ~ConnectionTaker() = default;
};

/// The other workers, as far as connections can go to them. Loop's thread.
class Peers {
 public:
  /// A connection with more bytes than this cannot be given. Well below what a socket takes by
  /// default.
  static constexpr std::size_t kMostBytes = 64 * 1024;

  /// True if another worker has an idle thread.
  virtual bool any_idle() const noexcept = 0;

  /// Gives a connection to one of those: a copy of the descriptor, and the bytes that were read
  /// from it and must be read again. Returns false, with nothing done, if no worker is idle, the
  /// bytes are too many, or it cannot be done now.
  virtual bool give(int socket, Caller caller, std::string_view bytes) noexcept = 0;
  /// Puts a copy of an idle connection's descriptor into the handover queue, with what must be read
  /// first, for whichever worker serves next. Returns false, with nothing done, if that cannot be
  /// done now.
  virtual bool queue_for_handover(int socket, Caller caller, std::string_view bytes) noexcept = 0;
  /// Tells the others whether this worker is full, that is, has no room for their connections.
  virtual void set_full(bool full) noexcept = 0;

 protected:
  ~Peers() = default;
};

}  // namespace appd::net
