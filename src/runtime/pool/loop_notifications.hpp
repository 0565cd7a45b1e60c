// Connections that wait for the thread that runs the loop.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/net/connection.hpp"
#include "runtime/net/event_loop.hpp"

namespace appd::pool {

/// Connections that wait for the thread that runs a pool's loop: responses have ended on them, or a
/// stream holds a block back for the next one. Nothing here wakes the loop.
class LoopNotifications {
 public:
  explicit LoopNotifications(net::EventLoop& loop);

  /// Notifies the connection in this turn of the loop or the next. Loop's thread.
  void add(std::shared_ptr<net::Connection> connection) { now_.push_back(std::move(connection)); }
  /// The same from another thread. Any thread.
  void add_from_other_thread(std::shared_ptr<net::Connection> connection);
  /// Sends soon what the connection holds, unless it sends it itself. True if the loop has to be
  /// woken for that. Any thread.
  bool schedule_flush(std::shared_ptr<net::Connection> connection);

  /// Notifies all of them. Loop's thread.
  void deliver();

 private:
  void send_held();

  // The loop's.
  std::vector<std::shared_ptr<net::Connection>> now_;
  net::EventLoop::Timer hold_timer_;
  std::atomic<bool> looks_soon_{false};  ///< the loop looks by itself: its timer runs

  std::mutex mutex_;
  std::vector<std::shared_ptr<net::Connection>> added_;     ///< guarded by mutex_
  std::vector<std::shared_ptr<net::Connection>> to_flush_;  ///< guarded by mutex_
  // Whether it is worth the lock; changed under it.
  std::atomic<bool> any_added_{false};
  std::atomic<bool> any_to_flush_{false};
};

}  // namespace appd::pool
