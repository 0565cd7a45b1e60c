// Chooses the connection to close when a server has no room for another.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "runtime/net/connection.hpp"

namespace appd::net {

/// Finds the connection to close when a server has no room for one more: the one on which nothing
/// has happened for the longest. Loop's thread only.
class IdleConnections {
 public:
  using Clock = Connection::Clock;

  /// Closes one of `all`. Returns false if none has been idle for long enough that its front would
  /// not miss it.
  bool close_one(std::span<const std::shared_ptr<Connection>> all, Clock::time_point now);

 private:
  struct Candidate {
    std::weak_ptr<Connection> connection;
    Clock::time_point since;
  };

  void search(std::span<const std::shared_ptr<Connection>> all, Clock::time_point now);

  std::vector<Candidate> candidates_;  // the last has been idle for the longest
};

}  // namespace appd::net
