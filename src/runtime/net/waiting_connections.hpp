// Connections that wait for time to go by.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "runtime/net/event_loop.hpp"
#include "runtime/net/outgoing_memory.hpp"

namespace appd::net {

/// What is called back when time has gone by: a connection. Loop's thread.
class Waiting {
 public:
  /// Acts if its deadline is over. Returns false if there is nothing left to wait for.
  virtual bool check_deadline(EventLoop::Clock::time_point now) = 0;
  /// Some time has passed since the kernel had no memory for it.
  virtual void try_again() = 0;

 protected:
  ~Waiting() = default;
};

/// Calls back connections that wait for time to go by: those with a deadline every kWatchInterval,
/// those that the kernel had no memory for after kMemoryPause. Loop's thread only.
class WaitingConnections {
 public:
  static constexpr std::chrono::milliseconds kWatchInterval{250};
  /// The pause before a connection that the kernel had no memory for is tried again.
  static constexpr std::chrono::milliseconds kMemoryPause{10};
  /// The pause before free memory is given back: what belonged to responses is free only when a
  /// thread with the interpreter has let go of it.
  static constexpr std::chrono::seconds kTrimPause{1};

  WaitingConnections(EventLoop& loop, OutgoingMemory& memory);

  /// Checks the connection's deadline every kWatchInterval until it has none.
  void watch(std::shared_ptr<Waiting> connection);
  /// Lets the connection `try_again` after kMemoryPause.
  void try_again_later(std::shared_ptr<Waiting> connection);
  /// Forgets all of them.
  void stop();

 private:
  void check_deadlines();
  void try_again();

  EventLoop& loop_;
  OutgoingMemory& memory_;
  std::vector<std::shared_ptr<Waiting>> watched_;
  EventLoop::Timer watch_timer_;
  std::vector<std::shared_ptr<Waiting>> starved_;
  EventLoop::Timer retry_timer_;
  EventLoop::Timer trim_timer_;
};

}  // namespace appd::net
