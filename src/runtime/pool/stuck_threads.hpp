// Pool threads that do not come back, and what happens to the requests that they leave.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/wire_exchange.hpp"
#include "runtime/pool/member.hpp"
#include "runtime/pool/queue_watch.hpp"
#include "runtime/pool/request_queue.hpp"

namespace appd::pool {

/// Keeps track of the pool's threads that do not come back. A thread may not get into the
/// interpreter: then its request is taken back, and the worker is stalled until the thread is in.
/// Or its call may not return: then it has been given up. When no usable thread is left,
/// requests that wait are refused. Loop's thread only.
class StuckThreads {
 public:
  /// `threads`: the pool threads; they outlive it.
  StuckThreads(net::EventLoop& loop, std::span<const std::unique_ptr<Member>> threads,
               RequestQueue& queue, QueueWatch& watch, ipc::WorkerLoad& load);

  /// Looks soon for threads that are on their way into the interpreter, if there are any. Called by
  /// each thread that takes the loop: calls begin on the loop's threads, so one that does not get
  /// into the interpreter loses the loop, and is seen then. Called, too, for a thread that takes
  /// its request from the queue.
  void watch_entries();

  /// The exchange that a pool thread has been in since its slot's sequence was `sequence`; null if
  /// that call has ended. Only its address counts.
  const net::WireExchange* call_of(unsigned thread, std::uint32_t sequence) const noexcept;
  /// Records that this call does not return.
  void give_up(unsigned thread, std::uint32_t sequence);
  /// A request has come into the queue: refuses it, soon, if no thread will serve it.
  void on_queued();

 private:
  void look_at_entries();
  bool take_back_late();
  bool all_stuck() const noexcept;
  void refuse_waiting();

  net::EventLoop& loop_;
  const std::span<const std::unique_ptr<Member>> threads_;
  RequestQueue& queue_;
  QueueWatch& watch_;
  ipc::WorkerLoad& load_;
  net::EventLoop::Timer entry_timer_;
};

}  // namespace appd::pool
