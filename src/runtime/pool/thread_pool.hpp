// A worker's pool of threads: leader/followers over one event loop.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/gateway/application.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/connection.hpp"
#include "runtime/net/dispatcher.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/wire_exchange.hpp"
#include "runtime/pool/leadership.hpp"
#include "runtime/pool/loop_notifications.hpp"

namespace appd::pool {

/// What may wait while all threads are busy.
struct QueueLimits {
  std::size_t length = 0;             ///< requests
  std::chrono::milliseconds time{0};  ///< how long one may; 0: as long as it takes
};

/// The threads of a worker and who of them runs its event loop.
///
/// Exactly one thread at a time runs the loop: its leader. A pool thread that has nothing else to
/// do leads; the other idle ones sleep on a stack. A leader with a complete request runs it itself
/// while calls are short; otherwise it first hands the loop to the idle thread on top of the stack
/// or, when there is none, to the I/O thread. The I/O thread looks every millisecond while a leader
/// is inside a call and takes the loop from one that stays there, so the loop never stands still
/// for long.
class ThreadPool final : public net::Dispatcher {
 public:
  /// `slots`: one for each pool thread. `load`: what other workers see of this one. `shares`: there
  /// are other workers.
  ThreadPool(net::EventLoop& loop, QueueLimits queue, std::span<ipc::ThreadSlot> slots,
             ipc::WorkerLoad& load, bool shares = false);
  ~ThreadPool();

  /// Once, before the threads run.
  void set_application(gateway::Application& application) noexcept { application_ = &application; }

  /// Once, before the threads run: called by pool threads that have nothing to do after slow calls.
  void set_time_offer(std::function<void()> offer) { offer_time_ = std::move(offer); }

  /// Once, before the threads run: called, not too often, while a request has waited for longer
  /// than `wait` and no worker has a thread for it.
  void set_overloaded(std::chrono::nanoseconds wait, std::function<void()> tell) {
    overload_wait_ = wait;
    tell_overloaded_ = std::move(tell);
  }

  /// Once, before the threads run: called, not too often, while a request waits and every thread is
  /// in a call. Loop's thread.
  void set_waiting(std::function<void()> tell) { tell_waiting_ = std::move(tell); }

  /// What pool thread `index` does until `stop`. Called without the interpreter.
  void run_pool_thread(unsigned index);
  /// What the I/O thread does until `stop`.
  void run_io_thread();
  /// Lets all threads return once their calls end. Any thread.
  void stop();

  /// The exchange that a pool thread has been in since its slot's sequence was `sequence`; null:
  /// that call has ended. Only its address counts. Loop's thread.
  const net::WireExchange* call_of(unsigned thread, std::uint32_t sequence) const noexcept;
  /// That call does not come back. When none of the threads does, what waits is refused. Loop's
  /// thread.
  void give_up(unsigned thread, std::uint32_t sequence);

  /// Gives requests that wait here for too long to workers that have a thread for them. Loop's
  /// thread.
  void share();

  bool submit(const std::shared_ptr<net::WireExchange>& exchange) noexcept override;
  bool saturated() const noexcept override;
  void notify(std::shared_ptr<net::Connection> connection) noexcept override;
  void notify_later(std::shared_ptr<net::Connection> connection) noexcept override;
  void schedule_flush(std::shared_ptr<net::Connection> connection) noexcept override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Member;
  class CallSource;

  void lead(Member& me);
  void lead_until_request();
  void release_leftovers(Member& me);
  Clock::time_point time_in_loop(const Member& me) const;
  void run_calls(Member& me, std::shared_ptr<net::WireExchange> first, Clock::time_point now);
  void leave_loop(Member& me, Clock::time_point now);
  void come_back(Member& me);
  std::shared_ptr<net::WireExchange> first_call(Member& me);
  std::shared_ptr<net::WireExchange> next_call(Member& me);
  bool begin_call(Member& me, net::WireExchange& exchange, Clock::time_point now);
  void end_call(Member& me, net::WireExchange& exchange);
  bool stalled() const noexcept { return load_.stalled.load(std::memory_order_relaxed) != 0; }
  void watch_entries();
  void look_at_entries();
  bool take_back_late();
  void queue_by_age_locked(std::shared_ptr<net::WireExchange> request);
  void end_stall();
  std::size_t capacity() const noexcept;
  bool keep(const std::shared_ptr<net::WireExchange>& exchange) noexcept;
  std::shared_ptr<net::WireExchange> take_next();
  std::shared_ptr<net::WireExchange> take_ready();
  std::shared_ptr<net::WireExchange> pop_ready_locked();
  void note_ready_locked() noexcept;
  void watch_queue_locked();
  std::shared_ptr<net::WireExchange> take_sharable();
  bool has_waited_too_long(const net::WireExchange& exchange, Clock::time_point now) const noexcept;
  std::shared_ptr<net::WireExchange> take_overdue();
  void refuse_overdue();
  bool all_given_up() const noexcept;
  void refuse_waiting();
  std::chrono::milliseconds patience() const noexcept;
  bool has_time() const noexcept;
  void look_at_waiting();
  void tell_if_overloaded(const net::WireExchange& oldest);
  std::shared_ptr<net::WireExchange> take_startable(Member& me);
  bool wait_for_work(Member& me, std::shared_ptr<net::WireExchange>& work);
  void hand_on(Member& from);
  void give_loop_locked(Member* to);
  Member* pop_idle_locked();
  bool is_mine(Leadership::Snapshot seen) const noexcept;
  void look_if_due(const Member& me);
  bool calls_are_slow() const noexcept;
  void watch_leader(std::unique_lock<std::mutex>& lock);
  void wake_watcher();
  bool stopping() const noexcept { return stopping_.load(std::memory_order_acquire); }

  net::EventLoop& loop_;
  const QueueLimits queue_;
  ipc::WorkerLoad& load_;
  const bool shares_;
  net::EventLoop::Timer share_timer_;
  net::EventLoop::Timer queue_timer_;
  net::EventLoop::Timer entry_timer_;
  net::EventLoop::Timer waiting_timer_;
  gateway::Application* application_ = nullptr;
  std::function<void()> offer_time_;
  std::chrono::nanoseconds overload_wait_{};
  std::function<void()> tell_overloaded_;
  Clock::time_point overload_told_{};  // the loop's
  std::function<void()> tell_waiting_;

  std::vector<std::unique_ptr<Member>> threads_;
  std::unique_ptr<Member> io_;
  Leadership leadership_;
  LoopNotifications notifications_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> average_call_{0};  // nanoseconds, moving
  std::atomic<bool> watcher_sleeps_{false};

  // The leader's. None is kept while it is in a call.
  std::shared_ptr<net::WireExchange> kept_;  // a request that it runs next

  std::mutex mutex_;
  std::deque<std::shared_ptr<net::WireExchange>> ready_;  // guarded by mutex_
  std::vector<Member*> idle_;                             // guarded by mutex_; a stack
  std::atomic<bool> any_ready_{false};  // whether it is worth the lock; changed under it
};

}  // namespace appd::pool
