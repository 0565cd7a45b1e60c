// The interface through which connections reach other workers.
#pragma once

#include <cstddef>
#include <string_view>

namespace appd::net {

/// The other workers, as far as connections can be given to them. Loop's thread.
class Peers {
 public:
  /// With more than this no connection can be given: well below what a socket takes by default.
  static constexpr std::size_t kMostBytes = 64 * 1024;

  /// True when one has a thread that does nothing.
  virtual bool any_idle() const noexcept = 0;

  /// Gives a connection to one of those: a copy of the descriptor, and the bytes that were read of
  /// it and are to be read again. False: none is idle, it is too much, or cannot be done
  /// now; nothing has happened.
  virtual bool give(int socket, std::string_view bytes) noexcept = 0;
  /// Whether this worker has room for connections of others.
  virtual void set_full(bool full) noexcept = 0;

 protected:
  ~Peers() = default;
};

}  // namespace appd::net
