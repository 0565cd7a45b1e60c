// What a server needs from the pool: a place for complete requests, and a way back to the loop.
#pragma once

#include <memory>

namespace appd::net {

class Connection;
class WireExchange;

/// Takes complete requests and brings work back to the loop: the worker's thread pool.
class Dispatcher {
 public:
  /// Queues a request for a pool thread. Returns false if the queue is full. Loop's thread.
  virtual bool submit(const std::shared_ptr<WireExchange>& exchange) noexcept = 0;

  /// True while every thread is in a call, or none gets into the interpreter. Any thread.
  virtual bool saturated() const noexcept = 0;

  /// Makes the loop call `connection->on_notified()` soon. Any thread, even with the interpreter
  /// held.
  virtual void notify(std::shared_ptr<Connection> connection) noexcept = 0;
  /// The same at the loop's next turn, without waking the loop.
  virtual void notify_later(std::shared_ptr<Connection> connection) noexcept = 0;

  /// Makes the loop call `connection->send_held()` in a millisecond or two. Any thread, even with
  /// the interpreter held. Wakes the loop only if it is not about to look anyway.
  virtual void schedule_flush(std::shared_ptr<Connection> connection) noexcept = 0;

 protected:
  ~Dispatcher() = default;
};

}  // namespace appd::net
