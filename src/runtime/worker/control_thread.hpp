// The thread of a worker that hears its master and keeps its times.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/support/own_descriptors.hpp"

namespace appd::worker {

/// Hears orders of the master and SIGTERM, sends messages that the link does not take at once, and
/// flushes a log that is behind. This thread needs neither the loop nor the interpreter, so orders
/// are heard whatever those do, and the loop's thread keeps to requests.
class ControlThread {
 public:
  /// Called on this thread.
  struct Handlers {
    std::function<void(const ipc::Order& order)> on_order;
    std::function<void()> on_master_gone;  ///< at most once; no order follows
    std::function<void()> on_sigterm;      ///< at most once
  };

  /// Borrows both. No other thread may open descriptors meanwhile.
  ControlThread(ipc::WorkerLink& link, gateway::Reporter& reporter);
  /// `stop` and `release` must have been called if `start` was.
  ~ControlThread() = default;
  ControlThread(const ControlThread&) = delete;
  ControlThread& operator=(const ControlThread&) = delete;

  /// For timers of others. They run on this thread, from `start` to `stop`.
  boost::asio::io_context& context() noexcept { return context_; }

  /// Starts to listen, and then the thread. Main thread. The application may have set a handler for
  /// SIGTERM at its import; this one takes its place.
  void start(Handlers handlers);
  /// Calls `beat` now and then every `interval`, on this thread. Before `start`.
  void beat_every(std::chrono::nanoseconds interval, std::function<void()> beat);
  /// Sends a message to the master, now or later, without waiting. Any thread.
  void tell(ipc::WorkerMessage message);
  /// Ends the thread. SIGTERM stays caught, without effect.
  void stop();
  /// Leaves the link's descriptor to the link. After `stop`, or without a `start`.
  void release();

 private:
  void await_order();
  void on_order();
  void beat();
  void flush_log_later();
  void tell_later();

  ipc::WorkerLink& link_;
  gateway::Reporter& reporter_;
  support::DescriptorClaim claim_;  // of what follows
  boost::asio::io_context context_{1};
  boost::asio::posix::stream_descriptor orders_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer beat_timer_;
  boost::asio::steady_timer log_timer_;
  boost::asio::steady_timer tell_timer_;
  Handlers handlers_;
  std::chrono::nanoseconds beat_interval_{};
  std::function<void()> beat_;
  std::vector<ipc::WorkerMessage> untold_;  // this thread's
  std::thread thread_;
};

}  // namespace appd::worker
