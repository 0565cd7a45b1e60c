// Clients' connections between two requests.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>

#include "runtime/net/event_loop.hpp"

namespace appd::net {

/// A client's connection, which is closed once nothing has come over it for some time. Leaves the
/// list when it is destroyed.
class KeptClient : public boost::intrusive::list_base_hook<
                       boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// Nothing has happened for that time; the connection was `idle` at its beginning. It has left
  /// the list.
  virtual void on_kept_too_long(bool idle) = 0;

 protected:
  ~KeptClient() = default;

 private:
  friend class KeptClients;
  EventLoop::Clock::time_point since_{};
  bool idle_ = false;
};

/// Clients' connections, in the order in which something has happened on them last. All have the
/// same time, so one timer is enough, and the loop sleeps until the first one's time is over.
/// Loop's thread only; all times are running times.
class KeptClients {
 public:
  /// A `time` of 0 keeps them for ever.
  KeptClients(EventLoop& loop, std::chrono::milliseconds time);

  /// Something has happened on the connection, which is `idle` now, or not: its time begins.
  void keep(KeptClient& client, bool idle);
  static void release(KeptClient& client) noexcept { client.unlink(); }
  void stop() { timer_.cancel(); }

 private:
  void close_late();

  EventLoop& loop_;
  const std::chrono::milliseconds time_;
  boost::intrusive::list<KeptClient, boost::intrusive::constant_time_size<false>> clients_;
  EventLoop::Timer timer_;
};

}  // namespace appd::net
