// The interfaces through which connections go to other workers and come from them.
#pragma once

#include <cstddef>
#include <string_view>

#include "runtime/support/unique_fd.hpp"

namespace appd::net {

/// What takes connections of other workers: the server. Loop's thread.
class ConnectionTaker {
 public:
  /// Takes a connection from a peer, with what that has read of it.
  virtual void adopt(support::UniqueFd socket, std::string_view bytes) = 0;
  /// The same from a worker of another configuration: the front may not be admitted any more.
  virtual void inherit(support::UniqueFd socket, std::string_view bytes) = 0;
  /// There is no descriptor for a connection that another worker has given: closes one that is
  /// idle. False if none is; it must wait.
  virtual bool make_room_for_given() = 0;

 protected:
  ~ConnectionTaker() = default;
};

/// The other workers, as far as connections can be given to them. Loop's thread.
class Peers {
 public:
  /// With more than this no connection can be given: well below what a socket takes by default.
  static constexpr std::size_t kMostBytes = 64 * 1024;

  /// True when one has a thread that does nothing.
  virtual bool any_idle() const noexcept = 0;

  /// Gives a connection to one of those: a copy of the descriptor, and the bytes that were read of
  /// it and are to be read again. False if none is idle, it is too much, or it cannot be done now:
  /// nothing has happened.
  virtual bool give(int socket, std::string_view bytes) noexcept = 0;
  /// Whether this worker has room for connections of others.
  virtual void set_full(bool full) noexcept = 0;

 protected:
  ~Peers() = default;
};

}  // namespace appd::net
