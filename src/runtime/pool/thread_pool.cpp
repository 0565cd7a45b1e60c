// Runs requests on pool threads, one of which leads the event loop.

#include "runtime/pool/thread_pool.hpp"

#include <algorithm>
#include <exception>
#include <optional>

#include "runtime/pool/entry.hpp"

namespace appd::pool {
namespace {

using std::chrono::nanoseconds;

/// Calls that last longer on average are not run by the leader while it has the loop.
constexpr std::int64_t kSlowCall = 300'000;
/// One very long call must not make many short ones look slow.
constexpr std::int64_t kLongestSample = 5'000'000;
constexpr int kAverageWeight = 16;
/// A leader that is away for longer loses the loop.
constexpr std::chrono::microseconds kLongestAbsence{700};
constexpr std::chrono::milliseconds kWatchInterval{1};
/// Between messages that requests wait: another worker does not start sooner.
constexpr std::chrono::milliseconds kOverloadInterval{50};
/// A request that has waited for so long may go to another worker; looked for as often.
constexpr std::chrono::milliseconds kShareInterval{1};
/// A thread that has been on its way into the interpreter for so long has its request taken back.
/// (Threads that compute in Python have it for a millisecond each.)
constexpr std::chrono::milliseconds kEntryPatience{50};
/// Until whoever wants to know is told that requests wait, and between further times.
constexpr std::chrono::milliseconds kWaitingInterval{100};
/// Looks without anything to see after which the watcher sleeps until it is woken.
constexpr int kStillLooks = 20;
/// A leader with many short calls in a row looks after the loop between them this often.
constexpr std::chrono::microseconds kLookInterval{500};
/// Why a request is refused that has waited for `QueueLimits::time`.
constexpr std::string_view kOverdue = "no thread was free for it within --queue-timeout";
constexpr std::string_view kAllStuck = "all threads of this worker are stuck, and it will end";

}  // namespace

struct ThreadPool::Member {
  Member(Leadership::Member number, ipc::ThreadSlot* slot_of) : id(number), slot(slot_of) {}

  const Leadership::Member id;
  ipc::ThreadSlot* const slot;  // null for the I/O thread
  std::condition_variable wake;
  Entry entry;
  bool called = false;                        // guarded by the pool's mutex
  std::atomic<std::int64_t> call_started{0};  // steady nanoseconds; for the watcher
  bool left_loop = false;                     // own thread: it led when it went into its call
  Clock::time_point last_end{};               // own thread: of its last call
  std::atomic<const net::WireExchange*> call{nullptr};
  std::optional<std::uint32_t> given_up;  // the loop's: the slot's sequence in that call
};

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

}  // namespace

ThreadPool::ThreadPool(net::EventLoop& loop, QueueLimits queue, std::span<ipc::ThreadSlot> slots,
                       ipc::WorkerLoad& load, bool shares)
    : loop_(loop),
      queue_(queue),
      load_(load),
      shares_(shares),
      share_timer_(loop, [this] { share(); }),
      queue_timer_(loop, [this] { refuse_overdue(); }),
      entry_timer_(loop, [this] { look_at_entries(); }),
      waiting_timer_(loop, [this] { look_at_waiting(); }),
      notifications_(loop) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    threads_.push_back(std::make_unique<Member>(static_cast<Leadership::Member>(i), &slots[i]));
  }
  io_ = std::make_unique<Member>(static_cast<Leadership::Member>(slots.size()), nullptr);
  idle_.reserve(slots.size());
}

ThreadPool::~ThreadPool() = default;

// -- Threads
// ----------------------------------------------------------------------------------------

void ThreadPool::run_pool_thread(unsigned index) {
  Member& me = *threads_[index];
  current = {this, me.id};
  std::shared_ptr<net::WireExchange> work;
  or_end_process([&] {
    while (wait_for_work(me, work)) {
      if (work) {
        run_calls(me, std::move(work), Clock::now());
      } else {
        lead(me);
      }
      if (offer_time_ && calls_are_slow() && has_time()) offer_time_();
    }
  });
  current = {};
}

void ThreadPool::run_io_thread() {
  Member& me = *io_;
  current = {this, me.id};
  std::unique_lock lock(mutex_);
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
  const std::lock_guard lock(mutex_);
  for (const auto& member : threads_) member->wake.notify_all();
  io_->wake.notify_all();
}

// -- Work
// -------------------------------------------------------------------------------------------

bool ThreadPool::submit(const std::shared_ptr<net::WireExchange>& exchange) noexcept {
  if (keep(exchange)) return true;
  const std::lock_guard lock(mutex_);
  if (ready_.size() >= capacity()) {
    // What its front has given up waits for nothing.
    std::erase_if(ready_, [](const auto& waiting) { return waiting->free(); });
    note_ready_locked();
    if (ready_.size() >= capacity()) return false;
  }
  ready_.push_back(exchange);
  note_ready_locked();
  if (all_given_up()) loop_.post([this] { refuse_waiting(); });
  watch_queue_locked();
  return true;
}

/// What waits is looked at from time to time.
void ThreadPool::watch_queue_locked() {
  if (shares_ && !share_timer_.armed()) share_timer_.expire_after(patience());
  if (queue_.time.count() > 0 && !queue_timer_.armed()) queue_timer_.expire_after(queue_.time);
  if (tell_waiting_ && !waiting_timer_.armed()) waiting_timer_.expire_after(kWaitingInterval);
}

bool ThreadPool::saturated() const noexcept {
  return stalled() ||
         load_.running.load(std::memory_order_relaxed) >= static_cast<int>(threads_.size());
}

bool ThreadPool::has_time() const noexcept {
  return !any_ready_.load(std::memory_order_relaxed) && !saturated();
}

/// A pool thread that leads runs what it has read itself, unless older requests wait.
bool ThreadPool::keep(const std::shared_ptr<net::WireExchange>& exchange) noexcept {
  const bool pool_thread = current.pool == this && current.member != io_->id;
  if (!pool_thread || kept_ || any_ready_.load() || stalled()) return false;
  kept_ = exchange;
  return true;
}

/// What may be ready at once: a request for each thread that is in no call, and the queue behind
/// them.
std::size_t ThreadPool::capacity() const noexcept {
  const std::size_t busy =
      static_cast<std::size_t>(load_.running.load(std::memory_order_relaxed)) + (kept_ ? 1 : 0);
  return queue_.length + threads_.size() - std::min(busy, threads_.size());
}

void ThreadPool::notify(std::shared_ptr<net::Connection> connection) noexcept {
  notify_later(std::move(connection));
  // Looked at afterwards: whoever takes the loop from now on sees what there is to do, as
  // this thread does when it comes back to the loop. One that took it before may be waiting.
  if (!is_mine(leadership_.look())) loop_.wake();
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

std::shared_ptr<net::WireExchange> ThreadPool::take_next() {
  if (kept_) return std::exchange(kept_, {});
  return stalled() ? nullptr : take_ready();
}

std::shared_ptr<net::WireExchange> ThreadPool::take_ready() {
  if (!any_ready_.load()) return nullptr;
  const std::lock_guard lock(mutex_);
  return pop_ready_locked();
}

std::shared_ptr<net::WireExchange> ThreadPool::pop_ready_locked() {
  if (ready_.empty()) return nullptr;
  std::shared_ptr<net::WireExchange> first = std::move(ready_.front());
  ready_.pop_front();
  note_ready_locked();
  return first;
}

void ThreadPool::note_ready_locked() noexcept {
  any_ready_.store(!ready_.empty());
  load_.waiting.store(static_cast<int>(ready_.size()), std::memory_order_relaxed);
  load_.waiting_since.store(ready_.empty() ? 0 : to_nanoseconds(ready_.front()->queued_since()),
                            std::memory_order_relaxed);
}

// -- Sharing with other workers
// ---------------------------------------------------------------------

void ThreadPool::share() {
  std::deque<std::shared_ptr<net::WireExchange>> staying;
  while (std::shared_ptr<net::WireExchange> exchange = take_sharable()) {
    if (exchange->free()) continue;  // its front has given it up, and it has no connection now
    const net::HandOver result = exchange->try_hand_over();
    if (result == net::HandOver::done) continue;
    staying.push_back(std::move(exchange));
    if (result == net::HandOver::nobody) break;
  }
  if (!staying.empty()) tell_if_overloaded(*staying.front());
  const std::lock_guard lock(mutex_);
  ready_.insert(ready_.begin(), staying.begin(), staying.end());
  note_ready_locked();
  if (!ready_.empty()) share_timer_.expire_after(kShareInterval);
}

void ThreadPool::tell_if_overloaded(const net::WireExchange& oldest) {
  const Clock::time_point now = loop_.now();
  if (!tell_overloaded_ || now - oldest.queued_since() < overload_wait_) return;
  if (now - overload_told_ < kOverloadInterval) return;
  overload_told_ = now;
  tell_overloaded_();
}

void ThreadPool::look_at_waiting() {
  if (!any_ready_.load()) return;  // the next request that waits begins this anew
  if (saturated()) tell_waiting_();
  waiting_timer_.expire_after(kWaitingInterval);
}

/// How long a request waits for a thread of this worker alone: longer than short calls take. When
/// the I/O thread leads, the calls that keep the others busy are none of those.
std::chrono::milliseconds ThreadPool::patience() const noexcept {
  return current.pool == this && current.member == io_->id ? std::chrono::milliseconds(0)
                                                           : kShareInterval;
}

/// The oldest request, if it has waited for long enough.
std::shared_ptr<net::WireExchange> ThreadPool::take_sharable() {
  const std::lock_guard lock(mutex_);
  if (!saturated() || ready_.empty()) return nullptr;
  if (loop_.now() - ready_.front()->queued_since() < patience()) return nullptr;
  return pop_ready_locked();
}

// -- Waiting for too long
// --------------------------------------------------------------------------

bool ThreadPool::has_waited_too_long(const net::WireExchange& exchange,
                                     Clock::time_point now) const noexcept {
  return queue_.time.count() > 0 && now - exchange.queued_since() >= queue_.time;
}

std::shared_ptr<net::WireExchange> ThreadPool::take_overdue() {
  const std::lock_guard lock(mutex_);
  if (ready_.empty()) return nullptr;
  const Clock::time_point now = Clock::now();
  if (has_waited_too_long(*ready_.front(), now)) return pop_ready_locked();
  queue_timer_.expire_after(ready_.front()->queued_since() + queue_.time - now);
  return nullptr;
}

void ThreadPool::refuse_overdue() {
  while (const std::shared_ptr<net::WireExchange> exchange = take_overdue()) {
    exchange->refuse_waiting(kOverdue);
  }
}

// -- Calls that do not come back
// -------------------------------------------------------------------

const net::WireExchange* ThreadPool::call_of(unsigned thread,
                                             std::uint32_t sequence) const noexcept {
  const Member& member = *threads_[thread];
  const net::WireExchange* const call = member.call.load(std::memory_order_acquire);
  // Looked at afterwards: had that call ended before, there would be another sequence now.
  return member.slot->sequence.load(std::memory_order_acquire) == sequence ? call : nullptr;
}

void ThreadPool::give_up(unsigned thread, std::uint32_t sequence) {
  threads_[thread]->given_up = sequence;
  refuse_waiting();
}

/// No thread will serve what waits. One that was given up may be what keeps the others from the
/// interpreter.
bool ThreadPool::all_given_up() const noexcept {
  const auto given_up = [](const auto& member) {
    return member->given_up == member->slot->sequence.load(std::memory_order_acquire);
  };
  if (std::none_of(threads_.begin(), threads_.end(), given_up)) return false;
  return std::all_of(threads_.begin(), threads_.end(), [&](const auto& member) {
    return given_up(member) || (stalled() && member->call.load() == nullptr);
  });
}

void ThreadPool::refuse_waiting() {
  while (all_given_up()) {
    const std::shared_ptr<net::WireExchange> exchange = take_ready();
    if (!exchange) return;
    exchange->refuse_waiting(kAllStuck);
  }
}

/// At a call's end: takes the oldest waiting request that was not given up, and begins its call.
std::shared_ptr<net::WireExchange> ThreadPool::take_startable(Member& me) {
  while (std::shared_ptr<net::WireExchange> exchange = take_ready()) {
    if (!begin_call(me, *exchange, me.last_end)) continue;
    load_.running.fetch_add(1, std::memory_order_relaxed);
    return exchange;
  }
  return nullptr;
}

bool ThreadPool::wait_for_work(Member& me, std::shared_ptr<net::WireExchange>& work) {
  std::unique_lock lock(mutex_);
  if (stopping()) return false;
  if (leadership_.vacant()) leadership_.give(me.id);
  if (leadership_.is_leader(me.id)) return true;
  if (work = pop_ready_locked(); work) {
    // Who leads may be waiting, and has not seen this one go.
    loop_.post([this] { watch_entries(); });
    return true;
  }
  idle_.push_back(&me);
  me.wake.wait(lock, [&] { return me.called || stopping(); });
  me.called = false;
  return !stopping();
}

// -- The loop
// ---------------------------------------------------------------------------------------

void ThreadPool::lead(Member& me) {
  watch_entries();
  while (leadership_.is_leader(me.id) && !stopping()) {
    // In this order: a look uses up the wake-up of whoever has left a notification, and
    // a notification may be what ends everything.
    look_if_due(me);
    notifications_.deliver();
    if (stopping()) return;
    if (std::shared_ptr<net::WireExchange> exchange = take_next()) {
      run_calls(me, std::move(exchange), time_in_loop(me));
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

/// Like a call: a thread of the application's may have the interpreter, and keep it.
void ThreadPool::release_leftovers(Member& me) {
  load_.running.fetch_add(1, std::memory_order_relaxed);
  leave_loop(me, Clock::now());
  application_->release_leftovers();
  come_back(me);
  load_.running.fetch_sub(1, std::memory_order_relaxed);
}

void ThreadPool::lead_until_request() {
  watch_entries();
  while (!stopping()) {
    notifications_.deliver();
    {
      const std::lock_guard lock(mutex_);
      // Only a pool thread can release leftovers.
      const bool wanted = !ready_.empty() || application_->has_leftovers();
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
  const std::lock_guard lock(mutex_);
  if (!leadership_.is_leader(from.id)) return;
  Member* next = pop_idle_locked();
  give_loop_locked(next != nullptr ? next : io_.get());
}

ThreadPool::Member* ThreadPool::pop_idle_locked() {
  if (idle_.empty()) return nullptr;
  Member* top = idle_.back();
  idle_.pop_back();
  return top;
}

void ThreadPool::give_loop_locked(Member* to) {
  leadership_.give(to->id);
  to->called = true;
  to->wake.notify_one();
}

// -- Calls
// ------------------------------------------------------------------------------------------

/// After a call in the same turn of the loop it is the time of its end: to read a short request
/// takes a microsecond, and the clock is a good part of one.
ThreadPool::Clock::time_point ThreadPool::time_in_loop(const Member& me) const {
  return me.last_end > loop_.now() ? me.last_end : Clock::now();
}

void ThreadPool::run_calls(Member& me, std::shared_ptr<net::WireExchange> first,
                           Clock::time_point now) {
  load_.running.fetch_add(1, std::memory_order_relaxed);
  me.entry.begin(std::move(first), now);
  leave_loop(me, now);
  CallSource source(*this, me);
  application_->serve(source);
}

/// A leader is about to be away, for how long is not known.
void ThreadPool::leave_loop(Member& me, Clock::time_point now) {
  me.left_loop = false;
  if (!leadership_.is_leader(me.id)) return;
  if (calls_are_slow()) return hand_on(me);
  me.call_started.store(to_nanoseconds(now), std::memory_order_relaxed);
  me.left_loop = true;
  leadership_.leave_for_call(me.id);
  if (watcher_sleeps_.load()) wake_watcher();
}

/// It leads on, unless the loop was taken from it meanwhile.
void ThreadPool::come_back(Member& me) {
  if (std::exchange(me.left_loop, false)) leadership_.return_from_call(me.id);
}

/// This thread has the interpreter now.
std::shared_ptr<net::WireExchange> ThreadPool::first_call(Member& me) {
  auto [first, asked] = me.entry.finish();
  if (first && begin_call(me, *first, asked)) return first;
  if (!first) end_stall();
  load_.running.fetch_sub(1, std::memory_order_relaxed);
  me.last_end = Clock::now();
  come_back(me);
  return next_call(me);
}

std::shared_ptr<net::WireExchange> ThreadPool::next_call(Member& me) {
  return leadership_.is_leader(me.id) ? nullptr : take_startable(me);
}

bool ThreadPool::begin_call(Member& me, net::WireExchange& exchange, Clock::time_point now) {
  if (has_waited_too_long(exchange, now)) {
    // The loop was about to see that too, but stood still, with the whole process perhaps.
    loop_.post([late = exchange.shared_from_this()] { late->refuse_waiting(kOverdue); });
    return false;
  }
  if (!exchange.try_start(now, &me.slot->progress)) return false;
  me.slot->begin(to_nanoseconds(now), exchange.request().method(), exchange.request().uri());
  me.call.store(&exchange, std::memory_order_release);
  return true;
}

void ThreadPool::end_call(Member& me, net::WireExchange& exchange) {
  me.last_end = Clock::now();
  const std::int64_t lasted = to_nanoseconds(me.last_end) - to_nanoseconds(exchange.started());
  const std::int64_t average = average_call_.load(std::memory_order_relaxed);
  average_call_.store(average + (std::min(lasted, kLongestSample) - average) / kAverageWeight,
                      std::memory_order_relaxed);
  load_.running.fetch_sub(1, std::memory_order_relaxed);
  me.call.store(nullptr, std::memory_order_release);
  me.slot->end(exchange.front_lost());
  come_back(me);
  exchange.finish();
}

// -- Ways into the interpreter
// -------------------------------------------------------------------

/// By who takes the loop: calls begin on the loop's threads, so that one which does not get into
/// the interpreter loses the loop, and is seen here.
void ThreadPool::watch_entries() {
  const auto pending = [](const auto& member) { return member->entry.pending(); };
  if (entry_timer_.armed() || std::none_of(threads_.begin(), threads_.end(), pending)) return;
  entry_timer_.expire_after(kEntryPatience);
}

void ThreadPool::look_at_entries() {
  if (take_back_late()) {
    if (shares_) share();
    refuse_waiting();
  }
  watch_entries();
}

/// What threads wait for that C code keeps may be free in another worker.
bool ThreadPool::take_back_late() {
  const Clock::time_point limit = Clock::now() - kEntryPatience;
  const std::lock_guard lock(mutex_);
  const std::size_t waiting = ready_.size();
  for (const auto& member : threads_) {
    if (Entry::Request request = member->entry.take_back(limit))
      queue_by_age_locked(std::move(request));
  }
  if (ready_.size() == waiting) return false;
  load_.stalled.store(1, std::memory_order_relaxed);
  note_ready_locked();
  watch_queue_locked();
  return true;
}

void ThreadPool::queue_by_age_locked(std::shared_ptr<net::WireExchange> request) {
  const auto place = std::upper_bound(
      ready_.begin(), ready_.end(), request->queued_since(),
      [](Clock::time_point since, const auto& other) { return since < other->queued_since(); });
  ready_.insert(place, std::move(request));
}

/// By a thread whose request was taken back, when it has the interpreter after all.
void ThreadPool::end_stall() {
  {
    const std::lock_guard lock(mutex_);
    load_.stalled.store(0, std::memory_order_relaxed);
  }
  loop_.wake();
}

bool ThreadPool::calls_are_slow() const noexcept {
  return average_call_.load(std::memory_order_relaxed) > kSlowCall;
}

// -- The watcher
// ------------------------------------------------------------------------------------

/// One look, by the I/O thread while it does not lead. The lock is held but while it sleeps.
void ThreadPool::watch_leader(std::unique_lock<std::mutex>& lock) {
  const auto woken = [this] { return io_->called || stopping(); };
  int still = 0;
  Leadership::Snapshot last = leadership_.look();
  while (!woken()) {
    if (still >= kStillLooks) {
      watcher_sleeps_.store(true);
      // A call that began before the store may not have seen it.
      if (leadership_.look() == last) {
        io_->wake.wait(lock, [&] { return woken() || !watcher_sleeps_.load(); });
      }
      watcher_sleeps_.store(false);
      still = 0;
    }
    if (io_->wake.wait_for(lock, kWatchInterval, woken)) break;
    const Leadership::Snapshot seen = leadership_.look();
    // Each call has a turn of its own: a word that stays the same means that nothing happens.
    still = seen == last ? still + 1 : 0;
    last = seen;
    if (!Leadership::away(seen)) continue;
    const Member& leader = *threads_[Leadership::owner(seen)];
    const std::int64_t absent =
        to_nanoseconds(Clock::now()) - leader.call_started.load(std::memory_order_relaxed);
    if (nanoseconds(absent) < kLongestAbsence) continue;
    Member* next = pop_idle_locked();
    Member* taker = next != nullptr ? next : io_.get();
    if (leadership_.take(seen, taker->id)) {
      taker->called = true;
      taker->wake.notify_one();
    } else if (next != nullptr) {
      idle_.push_back(next);
    }
  }
  io_->called = false;
}

void ThreadPool::wake_watcher() {
  const std::lock_guard lock(mutex_);
  watcher_sleeps_.store(false);
  io_->wake.notify_one();
}

}  // namespace appd::pool
