// What a server needs of the pool: a place for complete requests, and a way back to the loop.
#pragma once

#include <memory>

namespace appd::net {

class Connection;
class WireExchange;

/// Where complete requests go and who brings work back to the loop: the worker's pool of threads.
class Dispatcher {
 public:
  /// Queues a request for a pool thread. Loop's thread. False: the queue is full.
  virtual bool submit(const std::shared_ptr<WireExchange>& exchange) noexcept = 0;

  /// True when every thread is in a call. Loop's thread.
  virtual bool saturated() const noexcept = 0;

  /// Lets the loop call `connection->on_notified()` soon. Any thread, also with the interpreter
  /// held.
  virtual void notify(std::shared_ptr<Connection> connection) noexcept = 0;
  /// The same when the loop has its next turn: it is not woken for this.
  virtual void notify_later(std::shared_ptr<Connection> connection) noexcept = 0;

  /// Lets the loop call `connection->send_held()` in a millisecond or two. Any thread, also with
  /// the interpreter held. Wakes the loop only when it has not been called for as long.
  virtual void schedule_flush(std::shared_ptr<Connection> connection) noexcept = 0;

 protected:
  ~Dispatcher() = default;
};

}  // namespace appd::net
