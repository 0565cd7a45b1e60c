// A pool thread that waits for the interpreter with a request in hand.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "runtime/net/wire_exchange.hpp"

namespace appd::pool {

/// A pool thread's way into the interpreter, with the request that it is to run there. C code may
/// keep the interpreter for as long as it likes, and a thread that waits for it cannot be called
/// back. But its request has not begun, so another thread can take the request back.
///
///     out ──begin──► on its way ──finish──► out, with the request and the time of `begin`
///                        └──take_back──► without ──finish──► out, with nothing
class Entry {
 public:
  using Request = std::shared_ptr<net::WireExchange>;
  using Clock = std::chrono::steady_clock;

  /// The thread is about to ask for the interpreter, at `now`. Its own thread.
  void begin(Request request, Clock::time_point now) noexcept {
    request_ = std::move(request);
    since_.store(now.time_since_epoch().count(), std::memory_order_release);
  }

  struct Begun {
    Request request;            ///< null if it was taken back
    Clock::time_point asked{};  ///< the time that `begin` was told
  };
  /// The thread has the interpreter. A request that was taken back is not touched: it belongs to
  /// the taker until the thread has had the queue's lock. Its own thread.
  Begun finish() noexcept {
    const Clock::rep since = since_.exchange(kOut, std::memory_order_acq_rel);
    if (since == kOut) return {};
    return {std::move(request_), Clock::time_point(Clock::duration(since))};
  }

  /// True while there is a request to take back. Any thread.
  bool pending() const noexcept { return since_.load(std::memory_order_acquire) != kOut; }

  /// Returns the request if the thread has been on its way since `limit` or longer; else null.
  /// Called with the queue's lock, which the thread takes before it begins once more.
  Request take_back(Clock::time_point limit) noexcept {
    Clock::rep seen = since_.load(std::memory_order_acquire);
    if (seen == kOut || seen > limit.time_since_epoch().count()) return nullptr;
    if (!since_.compare_exchange_strong(seen, kOut, std::memory_order_acq_rel)) return nullptr;
    return std::move(request_);
  }

 private:
  static constexpr Clock::rep kOut = 0;

  std::atomic<Clock::rep> since_{kOut};
  Request request_;
};

}  // namespace appd::pool
