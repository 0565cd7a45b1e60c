// Chooses the connection to close when a server has no room for another.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "runtime/net/connection.hpp"

namespace appd::net {

/// Finds whom to close when there is no room for one more: of a server's connections the one on
/// which nothing has happened for the longest. Loop's thread only.
class IdleConnections {
 public:
  using Clock = Connection::Clock;

  /// Closes one of `all`. False: none has been idle for long enough, so there is nothing to close
  /// that its front would not miss.
  bool close_one(std::span<const std::shared_ptr<Connection>> all, Clock::time_point now);

 private:
  struct Candidate {
    std::weak_ptr<Connection> connection;
    Clock::time_point since;
  };

  void search(std::span<const std::shared_ptr<Connection>> all, Clock::time_point now);

  std::vector<Candidate> candidates_;  // the last is the one that has been idle for the longest
};

}  // namespace appd::net
