// Connections that wait for time to go by.
#pragma once

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/net/event_loop.hpp"
#include "runtime/net/outgoing_memory.hpp"
#include "runtime/support/release_pages.hpp"

namespace appd::net {

/// Calls back connections that wait for time to go by: those with a deadline every kWatchInterval,
/// those that the kernel had no memory for after kMemoryPause. Loop's thread only. A template, so
/// that a connection can know it.
template <typename Connection>
class WaitingConnections {
 public:
  static constexpr std::chrono::milliseconds kWatchInterval{250};
  /// The pause before a connection that the kernel had no memory for is tried again.
  static constexpr std::chrono::milliseconds kMemoryPause{10};
  /// The pause before free memory is given back: what belonged to responses is free only when a
  /// thread with the interpreter has let go of it.
  static constexpr std::chrono::seconds kTrimPause{1};

  WaitingConnections(EventLoop& loop, OutgoingMemory& memory)
      : loop_(loop),
        memory_(memory),
        watch_timer_(loop, [this] { check_deadlines(); }),
        retry_timer_(loop, [this] { try_again(); }),
        trim_timer_(loop, [] { support::release_free_heap_pages(); }) {}

  /// Checks the connection's deadline every kWatchInterval until it has none.
  void watch(std::shared_ptr<Connection> connection) {
    watched_.push_back(std::move(connection));
    if (!watch_timer_.armed()) watch_timer_.expire_after(kWatchInterval);
  }
  /// Lets the connection `try_again` after kMemoryPause.
  void try_again_later(std::shared_ptr<Connection> connection) {
    starved_.push_back(std::move(connection));
    if (!retry_timer_.armed()) retry_timer_.expire_after(kMemoryPause);
  }
  /// Forgets all of them.
  void stop() {
    watched_.clear();
    starved_.clear();
    watch_timer_.cancel();
    retry_timer_.cancel();
    trim_timer_.cancel();
  }

 private:
  void check_deadlines() {
    std::vector<std::shared_ptr<Connection>> watched = std::exchange(watched_, {});
    for (auto& connection : watched) {
      if (connection->check_deadline(loop_.running_now())) {
        watched_.push_back(std::move(connection));
      }
    }
    // A connection whose front is slow to take a response is watched, so this is still called after
    // the last of them.
    if (memory_.take_ebb()) trim_timer_.expire_after(kTrimPause);
    if (!watched_.empty()) watch_timer_.expire_after(kWatchInterval);
  }
  void try_again() {
    for (const auto& each : std::exchange(starved_, {})) each->try_again();
  }

  EventLoop& loop_;
  OutgoingMemory& memory_;
  std::vector<std::shared_ptr<Connection>> watched_;
  EventLoop::Timer watch_timer_;
  std::vector<std::shared_ptr<Connection>> starved_;
  EventLoop::Timer retry_timer_;
  EventLoop::Timer trim_timer_;
};

}  // namespace appd::net
