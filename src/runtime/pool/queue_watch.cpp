// Shares waiting requests with peers, refuses late ones, and reports overload.

#include "runtime/pool/queue_watch.hpp"

#include <deque>
#include <utility>

#include "runtime/net/connection.hpp"

namespace appd::pool {
namespace {

/// How long a request waits before it may go to a peer. Requests are offered at this interval.
constexpr std::chrono::milliseconds kShareInterval{1};
/// Between reports of overload: another worker does not start sooner.
constexpr std::chrono::milliseconds kOverloadInterval{50};
/// Until it is reported that requests wait, and between further reports.
constexpr std::chrono::milliseconds kWaitingInterval{100};

}  // namespace

QueueWatch::QueueWatch(net::EventLoop& loop, RequestQueue& queue, const ipc::WorkerLoad& load,
                       const Leadership& leadership, std::size_t threads, bool shares)
    : loop_(loop),
      queue_(queue),
      load_(load),
      leadership_(leadership),
      threads_(threads),
      shares_(shares),
      share_timer_(loop, [this] { share(); }),
      overdue_timer_(loop, [this] { refuse_overdue(); }),
      waiting_timer_(loop, [this] { look_at_waiting(); }) {}

void QueueWatch::begin() {
  const std::chrono::milliseconds longest = queue_.longest_wait();
  if (shares_ && !share_timer_.armed()) share_timer_.expire_after(patience());
  if (longest.count() > 0 && !overdue_timer_.armed()) overdue_timer_.expire_after(longest);
  if (tell_waiting_ && !waiting_timer_.armed()) waiting_timer_.expire_after(kWaitingInterval);
}

bool QueueWatch::saturated() const noexcept {
  return load_.stalled.load(std::memory_order_relaxed) != 0 ||
         load_.running.load(std::memory_order_relaxed) >= static_cast<int>(threads_);
}

void QueueWatch::offer_time() const {
  if (offer_time_ && !queue_.any() && !saturated()) offer_time_();
}

// -- Sharing with peers

void QueueWatch::share() {
  std::deque<RequestQueue::Request> staying;
  while (RequestQueue::Request request = take_sharable()) {
    const net::HandOver result = net::Connection::try_hand_over(*request);
    if (result == net::HandOver::done) continue;
    staying.push_front(std::move(request));
    if (result == net::HandOver::nobody) break;
  }
  if (!staying.empty()) tell_if_overloaded(*staying.back());
  const std::lock_guard lock(queue_.mutex());
  // The youngest first, so that those of the same age keep their order.
  for (RequestQueue::Request& request : staying) queue_.put_back_locked(std::move(request));
  if (!queue_.empty_locked()) share_timer_.expire_after(kShareInterval);
}

/// The oldest request, if it has waited for long enough and no thread here is about to take it.
RequestQueue::Request QueueWatch::take_sharable() {
  return saturated() ? queue_.take_older_than(patience(), loop_.now()) : nullptr;
}

/// How long a request waits for a thread of this worker alone: longer than short calls take. When
/// the I/O thread leads, the calls that keep the others busy are not short.
std::chrono::milliseconds QueueWatch::patience() const noexcept {
  const bool io_thread_leads = leadership_.is_leader(static_cast<Leadership::Member>(threads_));
  return io_thread_leads ? std::chrono::milliseconds(0) : kShareInterval;
}

void QueueWatch::tell_if_overloaded(const net::WireExchange& oldest) {
  const Clock::time_point now = loop_.now();
  if (!tell_overloaded_ || now - oldest.queued_since() < overload_wait_) return;
  if (now - overload_told_ < kOverloadInterval) return;
  overload_told_ = now;
  tell_overloaded_();
}

// -- Waiting for too long

void QueueWatch::refuse_overdue() {
  while (const RequestQueue::Request request = queue_.take_overdue(Clock::now())) {
    net::Connection::refuse(*request, RequestQueue::kOverdue);
  }
  if (const auto next = queue_.next_overdue()) overdue_timer_.expire_after(*next - Clock::now());
}

void QueueWatch::look_at_waiting() {
  if (!queue_.any()) return;  // the next request that waits begins this anew
  if (saturated()) tell_waiting_();
  waiting_timer_.expire_after(kWaitingInterval);
}

}  // namespace appd::pool
