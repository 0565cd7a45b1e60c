// The requests of a worker that wait for a thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/wire_exchange.hpp"

namespace appd::pool {

/// What may wait while all threads are busy.
struct QueueLimits {
  std::size_t length = 0;             ///< requests
  std::chrono::milliseconds time{0};  ///< how long a request may wait; 0 means without a limit
};

/// The requests that wait for a thread, oldest first. Publishes in the scoreboard how many they are
/// and since when the oldest waits. It takes no action of its own: what happens to a request that
/// has waited for too long is decided by whoever takes it.
///
/// The lock is the pool's as well: the idle threads are under it, so that no thread goes to sleep
/// between a look at the queue and the push of a request. Functions that end in `_locked` are
/// called with `mutex()` held. The others take it themselves. Any thread may call any of them.
class RequestQueue {
 public:
  using Request = std::shared_ptr<net::WireExchange>;
  using Clock = std::chrono::steady_clock;

  /// Why an overdue request is refused.
  static constexpr std::string_view kOverdue = "no thread was free for it within --queue-timeout";

  /// `threads`: how many the worker has.
  RequestQueue(QueueLimits limits, std::size_t threads, ipc::WorkerLoad& load) noexcept
      : limits_(limits), threads_(threads), load_(load) {}

  std::mutex& mutex() noexcept { return mutex_; }

  /// Whether a request waits, without the lock.
  bool any() const noexcept { return any_.load(); }
  /// Whether the request has waited for the whole of `QueueLimits::time`.
  bool is_overdue(const net::WireExchange& request, Clock::time_point now) const noexcept {
    return limits_.time.count() > 0 && now - request.queued_since() >= limits_.time;
  }
  /// 0 means that requests may wait without a limit.
  std::chrono::milliseconds longest_wait() const noexcept { return limits_.time; }

  /// Adds the newest request. `busy` is the number of threads that are in calls or about to be.
  /// There is room for one request for each other thread, and for QueueLimits::length behind them.
  /// If it is full, requests that their fronts have given up are removed first. Returns false if
  /// there is no room even then.
  bool push(const Request& request, std::size_t busy);
  /// Puts a request that was taken out back to the place that its age gives it.
  void put_back_locked(Request request);

  /// Takes the oldest request; null if none waits.
  Request take();
  Request take_locked();
  bool empty_locked() const noexcept { return waiting_.empty(); }
  std::size_t size_locked() const noexcept { return waiting_.size(); }  ///< for tests
  /// Takes the oldest request if it has waited for `time`; else null.
  Request take_older_than(Clock::duration time, Clock::time_point now);
  /// Takes the oldest request if it is overdue; else null.
  Request take_overdue(Clock::time_point now);
  /// When the oldest request becomes overdue; std::nullopt if none does.
  std::optional<Clock::time_point> next_overdue();

 private:
  std::size_t capacity(std::size_t busy) const noexcept;
  void publish_locked() noexcept;

  const QueueLimits limits_;
  const std::size_t threads_;
  ipc::WorkerLoad& load_;
  std::mutex mutex_;
  std::deque<Request> waiting_;   // guarded by mutex_
  std::atomic<bool> any_{false};  // changed under mutex_
};

}  // namespace appd::pool
