#pragma once

#include <string_view>

namespace appd::net {

/// The other workers, as far as connections can be given to them. Loop's thread.
class Neighbours {
 public:
  /// True when one has a thread that does nothing.
  virtual bool any_idle() const noexcept = 0;

  /// Gives a connection to one of those: a copy of the descriptor, and the bytes that were read of
  /// it and are to be read again. False: none is idle, or it cannot be done now; nothing has
  /// happened.
  virtual bool give(int socket, std::string_view bytes) noexcept = 0;

 protected:
  ~Neighbours() = default;
};

}  // namespace appd::net
