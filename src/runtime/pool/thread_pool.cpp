// Runs requests on pool threads, one of which leads the event loop.

#include "runtime/pool/thread_pool.hpp"

#include <exception>

#include "runtime/net/server.hpp"

namespace appd::pool {
namespace {

using std::chrono::nanoseconds;

/// A leader that is away for longer loses the loop.
constexpr std::chrono::microseconds kLongestAbsence{700};
constexpr std::chrono::milliseconds kWatchInterval{1};
/// Looks without anything to see after which the watcher sleeps until it is woken.
constexpr int kStillLooks = 20;
/// A leader with many short calls in a row runs the loop between them this often.
constexpr std::chrono::microseconds kLookInterval{500};

}  // namespace

/// Hands a pool thread its calls. A thread that leads gets no second: it goes back to the loop.
class ThreadPool::CallSource final : public gateway::ExchangeSource {
 public:
  CallSource(ThreadPool& pool, Member& me) : pool_(pool), me_(me) {}

  std::shared_ptr<gateway::Exchange> next(
      std::shared_ptr<gateway::Exchange> done) noexcept override {
    if (!done) return pool_.first_call(me_);
    pool_.end_call(me_, static_cast<net::WireExchange&>(*done));
    done.reset();
    return pool_.next_call(me_);
  }

 private:
  ThreadPool& pool_;
  Member& me_;
};

namespace {

std::int64_t to_nanoseconds(std::chrono::steady_clock::time_point when) {
  return std::chrono::duration_cast<nanoseconds>(when.time_since_epoch()).count();
}

/// The pool and member of this thread, if it is one of a pool's.
struct Current {
  const ThreadPool* pool = nullptr;
  Leadership::Member member = Leadership::kNobody;
};
thread_local Current current;

/// What is thrown here (for lack of memory, as a rule) has left the loop's work half done. A worker
/// whose loop has lost a thread would look alive and be deaf, so the process ends at once, and the
/// master puts another in its place. Not `noexcept`: a thread that Python ends is unwound, too.
template <typename Work>
void or_end_process(Work work) {
  try {
    work();
  } catch (const std::exception&) {
    std::terminate();
  }
}

std::vector<std::unique_ptr<Member>> make_threads(std::span<ipc::ThreadSlot> slots) {
  std::vector<std::unique_ptr<Member>> threads;
  for (ipc::ThreadSlot& slot : slots) {
    threads.push_back(
        std::make_unique<Member>(static_cast<Leadership::Member>(threads.size()), &slot));
  }
  return threads;
}

}  // namespace

ThreadPool::ThreadPool(net::EventLoop& loop, QueueLimits limits, std::span<ipc::ThreadSlot> slots,
                       ipc::WorkerLoad& load, bool shares)
    : loop_(loop),
      load_(load),
      threads_(make_threads(slots)),
      io_(std::make_unique<Member>(static_cast<Leadership::Member>(slots.size()), nullptr)),
      notifications_(loop),
      queue_(limits, slots.size(), load),
      watch_(loop, queue_, load, leadership_, slots.size(), shares),
      stuck_(loop, threads_, queue_, watch_, load) {
  idle_.reserve(slots.size());
}

ThreadPool::~ThreadPool() = default;

// -- Threads

void ThreadPool::run_pool_thread(unsigned index) {
  Member& me = *threads_[index];
  current = {this, me.id};
  Request work;
  or_end_process([&] {
    while (wait_for_work(me, work)) {
      if (work) {
        run_calls(me, std::move(work), Clock::now());
      } else {
        lead(me);
      }
      if (calls_.is_slow()) watch_.offer_time();
    }
  });
  current = {};
}

void ThreadPool::run_io_thread() {
  Member& me = *io_;
  current = {this, me.id};
  std::unique_lock lock(queue_.mutex());
  while (!stopping()) {
    if (leadership_.is_leader(me.id)) {
      lock.unlock();
      or_end_process([this] { lead_until_request(); });
      lock.lock();
    } else {
      watch_leader(lock);
    }
  }
  current = {};
}

void ThreadPool::stop() {
  stopping_.store(true, std::memory_order_release);
  loop_.wake();
  const std::lock_guard lock(queue_.mutex());  // rule 10
  for (const auto& member : threads_) member->wake.notify_all();
  io_->wake.notify_all();
}

/// False to stop. With `work` it has a request to run; without, it leads.
bool ThreadPool::wait_for_work(Member& me, Request& work) {
  std::unique_lock lock(queue_.mutex());
  if (stopping()) return false;
  if (leadership_.vacant()) leadership_.give(me.id);
  if (leadership_.is_leader(me.id)) return true;
  if (work = queue_.take_locked(); work) return true;
  idle_.push_back(&me);  // rule 5
  me.wake.wait(lock, [&] { return me.called || stopping(); });
  me.called = false;
  return !stopping();
}

// -- What comes in

bool ThreadPool::submit(const Request& exchange) noexcept {
  if (keep(exchange)) return true;
  if (!queue_.push(exchange, busy_threads())) return false;
  stuck_.on_queued();
  watch_.begin();
  return true;
}

void ThreadPool::give_up(unsigned thread, std::uint32_t sequence, net::Server& server) {
  if (const auto* call = stuck_.call_of(thread, sequence)) server.respond_instead(call);
  stuck_.give_up(thread, sequence);
}

bool ThreadPool::saturated() const noexcept {
  return watch_.saturated();
}

/// Rule 6. The I/O thread runs no requests.
bool ThreadPool::keep(const Request& exchange) noexcept {
  const bool pool_thread = current.pool == this && current.member != io_->id;
  if (!pool_thread || kept_ || queue_.any() || stalled()) return false;
  kept_ = exchange;
  return true;
}

/// In calls, or with a request to run.
std::size_t ThreadPool::busy_threads() const noexcept {
  return static_cast<std::size_t>(load_.running.load(std::memory_order_relaxed)) + (kept_ ? 1 : 0);
}

void ThreadPool::notify(std::shared_ptr<net::Connection> connection) noexcept {
  notify_later(std::move(connection));
  if (!is_mine(leadership_.look())) loop_.wake();  // rule 7
}

void ThreadPool::notify_later(std::shared_ptr<net::Connection> connection) noexcept {
  const Leadership::Snapshot seen = leadership_.look();
  if (is_mine(seen) && !Leadership::away(seen)) {
    notifications_.add(std::move(connection));
  } else {
    notifications_.add_from_other_thread(std::move(connection));
  }
}

void ThreadPool::schedule_flush(std::shared_ptr<net::Connection> connection) noexcept {
  if (notifications_.schedule_flush(std::move(connection)) && !is_mine(leadership_.look()))
    loop_.wake();
}

/// True when this thread leads, or is away in a call of its own.
bool ThreadPool::is_mine(Leadership::Snapshot seen) const noexcept {
  return current.pool == this && Leadership::owner(seen) == current.member;
}

// -- The loop

void ThreadPool::lead(Member& me) {
  stuck_.watch_entries();
  while (leadership_.is_leader(me.id) && !stopping()) {
    look_if_due(me);  // rule 8
    notifications_.deliver();
    if (stopping()) return;  // a notification may be what ends everything
    if (Request request = take_next()) {
      run_calls(me, std::move(request), time_in_loop(me));
    } else {
      // Large bodies must not stay until the next request because the loop could not release them.
      if (application_->has_leftovers() && load_.running.load(std::memory_order_relaxed) == 0) {
        release_leftovers(me);
      } else {
        loop_.run_one();
      }
    }
  }
}

ThreadPool::Request ThreadPool::take_next() {
  if (kept_) return std::exchange(kept_, {});
  return stalled() ? nullptr : queue_.take();
}

/// Like a call: a thread of the application's may have the interpreter, and keep it.
void ThreadPool::release_leftovers(Member& me) {
  load_.running.fetch_add(1, std::memory_order_relaxed);
  leave_loop(me, Clock::now());
  application_->release_leftovers();
  come_back(me);
  load_.running.fetch_sub(1, std::memory_order_relaxed);
}

/// The I/O thread's turn.
void ThreadPool::lead_until_request() {
  stuck_.watch_entries();
  while (!stopping()) {
    notifications_.deliver();
    {
      const std::lock_guard lock(queue_.mutex());
      // Only a pool thread can release leftovers.
      const bool wanted = !queue_.empty_locked() || application_->has_leftovers();
      Member* next = wanted ? pop_idle_locked() : nullptr;
      if (next != nullptr) {
        give_loop_locked(next);
        return;
      }
    }
    loop_.run_one();
  }
}

void ThreadPool::look_if_due(const Member& me) {
  if (me.last_end - loop_.now() >= kLookInterval) loop_.look();
}

void ThreadPool::hand_on(Member& from) {
  const std::lock_guard lock(queue_.mutex());
  if (!leadership_.is_leader(from.id)) return;
  Member* next = pop_idle_locked();
  give_loop_locked(next != nullptr ? next : io_.get());
}

Member* ThreadPool::pop_idle_locked() {
  if (idle_.empty()) return nullptr;
  Member* top = idle_.back();
  idle_.pop_back();
  return top;
}

void ThreadPool::give_loop_locked(Member* to) {
  leadership_.give(to->id);
  call_locked(to);
}

void ThreadPool::call_locked(Member* to) {
  to->called = true;
  to->wake.notify_one();
}

// -- Calls

/// After a call in the same turn of the loop it is the time of its end: to read a short request
/// takes a microsecond, and the clock is a good part of one.
ThreadPool::Clock::time_point ThreadPool::time_in_loop(const Member& me) const {
  return me.last_end > loop_.now() ? me.last_end : Clock::now();
}

void ThreadPool::run_calls(Member& me, Request first, Clock::time_point now) {
  load_.running.fetch_add(1, std::memory_order_relaxed);
  me.entry.begin(std::move(first), now);
  if (leadership_.is_leader(me.id)) {
    leave_loop(me, now);
  } else {
    loop_.post([this] { stuck_.watch_entries(); });  // rule 9
  }
  CallSource source(*this, me);
  application_->serve(source);
}

/// Rule 2. The leader's thread.
void ThreadPool::leave_loop(Member& me, Clock::time_point now) {
  if (calls_.is_slow()) return hand_on(me);
  me.call_started.store(to_nanoseconds(now), std::memory_order_relaxed);
  me.left_loop = true;
  leadership_.leave_for_call(me.id);
  if (watcher_sleeps_.load()) wake_watcher();  // rule 4
}

/// It leads on, unless the loop was taken from it meanwhile.
void ThreadPool::come_back(Member& me) {
  if (std::exchange(me.left_loop, false)) leadership_.return_from_call(me.id);
}

/// This thread has the interpreter now.
ThreadPool::Request ThreadPool::first_call(Member& me) {
  auto [first, asked] = me.entry.finish();
  if (first && begin_call(me, *first, asked)) return first;
  if (!first) end_stall();
  load_.running.fetch_sub(1, std::memory_order_relaxed);
  me.last_end = Clock::now();
  come_back(me);
  return next_call(me);
}

ThreadPool::Request ThreadPool::next_call(Member& me) {
  return leadership_.is_leader(me.id) ? nullptr : take_startable(me);
}

/// At a call's end: takes the oldest waiting request that was not given up, and begins its call.
ThreadPool::Request ThreadPool::take_startable(Member& me) {
  while (Request request = queue_.take()) {
    if (!begin_call(me, *request, me.last_end)) continue;
    load_.running.fetch_add(1, std::memory_order_relaxed);
    return request;
  }
  return nullptr;
}

bool ThreadPool::begin_call(Member& me, net::WireExchange& exchange, Clock::time_point now) {
  if (queue_.is_overdue(exchange, now)) {
    // The loop was about to see that too, but stood still, with the whole process perhaps.
    loop_.post([late = exchange.shared_from_this()] {
      net::Connection::refuse(*late, RequestQueue::kOverdue);
    });
    return false;
  }
  if (!exchange.try_start(now, &me.slot->progress)) return false;
  me.slot->begin(to_nanoseconds(now), exchange.request().method(), exchange.request().uri());
  me.call.store(&exchange, std::memory_order_release);
  return true;
}

void ThreadPool::end_call(Member& me, net::WireExchange& exchange) {
  me.last_end = Clock::now();
  calls_.note(me.last_end - exchange.started());
  load_.running.fetch_sub(1, std::memory_order_relaxed);
  me.call.store(nullptr, std::memory_order_release);
  me.slot->end(exchange.front_lost());
  come_back(me);
  exchange.finish();
}

/// A thread whose request was taken back has the interpreter after all.
void ThreadPool::end_stall() {
  {
    const std::lock_guard lock(queue_.mutex());
    load_.stalled.store(0, std::memory_order_relaxed);
  }
  loop_.wake();
}

// -- The watcher

/// The I/O thread while it does not lead: rule 3. The lock is held except while it sleeps.
void ThreadPool::watch_leader(std::unique_lock<std::mutex>& lock) {
  const auto woken = [this] { return io_->called || stopping(); };
  int still = 0;
  Leadership::Snapshot last = leadership_.look();
  while (!woken()) {
    if (still >= kStillLooks) {
      sleep_while(last, lock);
      still = 0;
    }
    if (io_->wake.wait_for(lock, kWatchInterval, woken)) break;
    const Leadership::Snapshot seen = leadership_.look();
    // A word that stays the same means that nothing happens, since each absence has its own.
    still = seen == last ? still + 1 : 0;
    last = seen;
    if (is_away_for_long(seen)) take_loop_locked(seen);
  }
  io_->called = false;
}

/// Rule 4.
void ThreadPool::sleep_while(Leadership::Snapshot last, std::unique_lock<std::mutex>& lock) {
  watcher_sleeps_.store(true);
  if (leadership_.look() == last) {
    io_->wake.wait(lock, [this] { return io_->called || stopping() || !watcher_sleeps_.load(); });
  }
  watcher_sleeps_.store(false);
}

bool ThreadPool::is_away_for_long(Leadership::Snapshot seen) const noexcept {
  if (!Leadership::away(seen)) return false;
  const Member& leader = *threads_[Leadership::owner(seen)];
  const std::int64_t absent =
      to_nanoseconds(Clock::now()) - leader.call_started.load(std::memory_order_relaxed);
  return nanoseconds(absent) >= kLongestAbsence;
}

void ThreadPool::take_loop_locked(Leadership::Snapshot seen) {
  Member* next = pop_idle_locked();
  Member* taker = next != nullptr ? next : io_.get();
  if (leadership_.take(seen, taker->id)) {
    call_locked(taker);
  } else if (next != nullptr) {
    idle_.push_back(next);
  }
}

void ThreadPool::wake_watcher() {
  const std::lock_guard lock(queue_.mutex());
  watcher_sleeps_.store(false);
  io_->wake.notify_one();
}

}  // namespace appd::pool
