// What becomes of requests that wait for longer than they should.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/pool/leadership.hpp"
#include "runtime/pool/request_queue.hpp"

namespace appd::pool {

/// Looks after the queue while requests wait there: gives them to peers, refuses those that have
/// waited for too long, and reports that the worker is overloaded. Between looks it does nothing,
/// and an empty queue costs nothing. Loop's thread only, except where noted.
class QueueWatch {
 public:
  /// `threads`: the number of pool threads, and the I/O thread's number in `leadership`. `shares`:
  /// there are peers.
  QueueWatch(net::EventLoop& loop, RequestQueue& queue, const ipc::WorkerLoad& load,
             const Leadership& leadership, std::size_t threads, bool shares);

  // Once each, before the threads run.
  void set_time_offer(std::function<void()> offer) { offer_time_ = std::move(offer); }
  void set_overloaded(std::chrono::nanoseconds wait, std::function<void()> tell) {
    overload_wait_ = wait;
    tell_overloaded_ = std::move(tell);
  }
  void set_waiting(std::function<void()> tell) { tell_waiting_ = std::move(tell); }

  /// A request has come into the queue.
  void begin();
  /// Gives requests that have waited for long enough to peers with an idle thread.
  void share();
  bool shares() const noexcept { return shares_; }

  /// True while every thread is in a call, or none gets into the interpreter. Any thread.
  bool saturated() const noexcept;
  /// Offers the time of a thread to peers if nothing waits here. The thread itself.
  void offer_time() const;

 private:
  using Clock = std::chrono::steady_clock;

  std::chrono::milliseconds patience() const noexcept;
  RequestQueue::Request take_sharable();
  void tell_if_overloaded(const net::WireExchange& oldest);
  void refuse_overdue();
  void look_at_waiting();

  net::EventLoop& loop_;
  RequestQueue& queue_;
  const ipc::WorkerLoad& load_;
  const Leadership& leadership_;
  const std::size_t threads_;
  const bool shares_;
  net::EventLoop::Timer share_timer_;
  net::EventLoop::Timer overdue_timer_;
  net::EventLoop::Timer waiting_timer_;
  std::function<void()> offer_time_;
  std::chrono::nanoseconds overload_wait_{};
  std::function<void()> tell_overloaded_;
  Clock::time_point overload_told_{};  // by the loop's clock
  std::function<void()> tell_waiting_;
};

}  // namespace appd::pool
