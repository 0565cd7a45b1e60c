// A worker's pool of threads: leader/followers over one event loop.
//
// A worker has one event loop, and calls that take a microsecond or an hour. Exactly one thread
// runs the loop at a time: the leader. It may run a request itself. The others follow: they are in
// calls, or sleep until they are given the loop. docs/architecture/loop.md draws the scheme and has
// its figures; docs/decisions/leader-followers.md has what else was tried. Here are the rules that
// make it safe, and the race that each one closes.
//
//  1. Who leads is one word (leadership.hpp). A leader that comes back from its call and a watcher
//     that takes the loop from it both swap this word, so only one of them has the loop. The word
//     has another value in each absence, so what a watcher saw in an earlier one is of no use.
//
//  2. A thread that is about to go into a call keeps the loop or hands it on first. While it keeps
//     it, the loop stands still. That is a bet on a short call, and calls have to earn it
//     (call_average.hpp).
//
//  3. The I/O thread is there for a bet that was lost, and for the time in which all pool threads
//     are in calls. It watches a leader that is in a call, and takes the loop from one that stays
//     there. When it leads itself, it runs no request: it gives the loop to an idle thread. If
//     there is none, a thread that ends its call takes the request.
//
//  4. A watcher that has nothing to watch sleeps. It says so first, then looks at the word once
//     more. A leader changes the word first, then looks whether the watcher sleeps. Both are
//     sequentially consistent, so at least one sees the other, and no call goes unwatched.
//
//  5. The queue and the stack of idle threads are under one lock. A thread finds the queue empty
//     and lies down in one step, so a request cannot come in between and find nobody to wake.
//
//  6. A leader keeps the request that it has just read for itself, without the lock, but only if
//     none waits: requests begin in the order in which they came.
//
//  7. A thread that has something for the loop leaves it (loop_notifications.hpp), then looks who
//     leads. A thread that takes the loop after this look finds what was left. One that took it
//     before may already be waiting, and is woken, unless it is this thread itself.
//
//  8. A leader looks for events before it delivers notifications, because the look uses up the
//     wake-up that came with them.
//
//  9. A thread takes the interpreter first, and its request only then (entry.hpp). Until it is in,
//     the thread that has the loop can take the request back, and each thread that takes the loop
//     looks for such requests. A leader that already waits has looked too early for a request that
//     another thread takes from the queue, so that thread tells it, once the request can be taken
//     back.
//
// 10. To stop, the mark is set before the lock is taken to wake the sleepers. A thread that has not
//     seen the mark holds the lock until it sleeps, so the wake-up comes after it lay down.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "runtime/gateway/application.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/connection.hpp"
#include "runtime/net/dispatcher.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/wire_exchange.hpp"
#include "runtime/pool/call_average.hpp"
#include "runtime/pool/leadership.hpp"
#include "runtime/pool/loop_notifications.hpp"
#include "runtime/pool/member.hpp"
#include "runtime/pool/queue_watch.hpp"
#include "runtime/pool/request_queue.hpp"
#include "runtime/pool/stuck_threads.hpp"

namespace appd::net {
class Server;
}

namespace appd::pool {

/// The threads of a worker, and which of them runs its event loop: leader/followers. The head of
/// this file explains the scheme.
class ThreadPool final : public net::Dispatcher {
 public:
  /// `slots`: one for each pool thread. `load`: what other workers see of this one. `shares`: there
  /// are other workers.
  ThreadPool(net::EventLoop& loop, QueueLimits limits, std::span<ipc::ThreadSlot> slots,
             ipc::WorkerLoad& load, bool shares = false);
  ~ThreadPool();

  // -- Once each, before the threads run

  void set_application(gateway::Application& application) noexcept { application_ = &application; }

  /// Pool threads that have nothing to do after slow calls will call `offer`.
  void set_time_offer(std::function<void()> offer) { watch_.set_time_offer(std::move(offer)); }

  /// Calls `tell`, not too often, while a request has waited for longer than `wait` and no worker
  /// has a thread for it.
  void set_overloaded(std::chrono::nanoseconds wait, std::function<void()> tell) {
    watch_.set_overloaded(wait, std::move(tell));
  }

  /// Calls `tell` on the loop's thread, not too often, while a request waits and every thread is in
  /// a call.
  void set_waiting(std::function<void()> tell) { watch_.set_waiting(std::move(tell)); }

  // -- Threads

  /// What pool thread `index` does until `stop`. Called without the interpreter.
  void run_pool_thread(unsigned index);
  /// What the I/O thread does until `stop`.
  void run_io_thread();
  /// Lets all threads return once their calls end. Any thread.
  void stop();

  // -- Loop's thread

  /// Gives up the call that a pool thread has been in since its slot's sequence was `sequence`:
  /// `server` responds in its place, unless the call has just ended. If no usable thread is left,
  /// waiting requests are refused.
  void give_up(unsigned thread, std::uint32_t sequence, net::Server& server);

  /// Gives requests that have waited for long enough to workers that have a thread for them.
  void share() { watch_.share(); }

  bool submit(const std::shared_ptr<net::WireExchange>& exchange) noexcept override;
  bool saturated() const noexcept override;
  void notify(std::shared_ptr<net::Connection> connection) noexcept override;
  void notify_later(std::shared_ptr<net::Connection> connection) noexcept override;
  void schedule_flush(std::shared_ptr<net::Connection> connection) noexcept override;

 private:
  using Clock = std::chrono::steady_clock;
  using Request = RequestQueue::Request;
  class CallSource;

  bool wait_for_work(Member& me, Request& work);

  void lead(Member& me);
  void lead_until_request();
  void release_leftovers(Member& me);
  Request take_next();
  void look_if_due(const Member& me);
  void hand_on(Member& from);
  void give_loop_locked(Member* to);
  static void call_locked(Member* to);
  Member* pop_idle_locked();

  void run_calls(Member& me, Request first, Clock::time_point now);
  Clock::time_point time_in_loop(const Member& me) const;
  void leave_loop(Member& me, Clock::time_point now);
  void come_back(Member& me);
  Request first_call(Member& me);
  Request next_call(Member& me);
  Request take_startable(Member& me);
  bool begin_call(Member& me, net::WireExchange& exchange, Clock::time_point now);
  void end_call(Member& me, net::WireExchange& exchange);
  void end_stall();

  void watch_leader(std::unique_lock<std::mutex>& lock);
  void sleep_while(Leadership::Snapshot last, std::unique_lock<std::mutex>& lock);
  bool is_away_for_long(Leadership::Snapshot seen) const noexcept;
  void take_loop_locked(Leadership::Snapshot seen);
  void wake_watcher();

  bool keep(const Request& exchange) noexcept;
  std::size_t busy_threads() const noexcept;
  bool is_mine(Leadership::Snapshot seen) const noexcept;
  bool stalled() const noexcept { return load_.stalled.load(std::memory_order_relaxed) != 0; }
  bool stopping() const noexcept { return stopping_.load(std::memory_order_acquire); }

  // Set once.
  net::EventLoop& loop_;
  ipc::WorkerLoad& load_;
  gateway::Application* application_ = nullptr;
  const std::vector<std::unique_ptr<Member>> threads_;
  const std::unique_ptr<Member> io_;

  Leadership leadership_;
  LoopNotifications notifications_;
  RequestQueue queue_;
  QueueWatch watch_;
  StuckThreads stuck_;

  std::atomic<bool> stopping_{false};
  CallAverage calls_;
  std::atomic<bool> watcher_sleeps_{false};

  // The leader's: a request that it runs next. Empty while it is in a call.
  Request kept_;
  std::vector<Member*> idle_;  // guarded by the queue's mutex; a stack
};

}  // namespace appd::pool
