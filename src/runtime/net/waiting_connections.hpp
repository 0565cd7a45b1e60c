// Connections that wait for time to go by.
#pragma once

#include <memory>
#include <vector>

#include "runtime/net/event_loop.hpp"
#include "runtime/net/outgoing_memory.hpp"

namespace appd::net {

class Connection;

/// Calls connections back that wait for time to go by: those with a deadline every now and then,
/// those that the kernel had no memory for in a moment. Loop's thread only.
class WaitingConnections {
 public:
  WaitingConnections(EventLoop& loop, OutgoingMemory& memory);

  /// Checks the connection's deadline every now and then until it has none.
  void watch(std::shared_ptr<Connection> connection);
  /// Lets the connection `try_again` in a moment.
  void try_again_later(std::shared_ptr<Connection> connection);
  /// Forgets all of them.
  void stop();

 private:
  void check_deadlines();
  void try_again();

  EventLoop& loop_;
  OutgoingMemory& memory_;
  std::vector<std::shared_ptr<Connection>> watched_;
  EventLoop::Timer watch_timer_;
  std::vector<std::shared_ptr<Connection>> starved_;
  EventLoop::Timer retry_timer_;
  EventLoop::Timer trim_timer_;
};

}  // namespace appd::net
