// Takes requests back from threads that are stuck, and refuses what waits if no thread is left.

#include "runtime/pool/stuck_threads.hpp"

#include <algorithm>
#include <atomic>
#include <string_view>
#include <utility>

#include "runtime/net/connection.hpp"

namespace appd::pool {
namespace {

/// How long a thread may be on its way into the interpreter before its request is taken back.
/// (Threads that compute in Python have it for a millisecond each.)
constexpr std::chrono::milliseconds kEntryPatience{50};
/// Why a request is refused when no thread is left.
constexpr std::string_view kAllStuck =
    "all threads of this worker are stuck, and the worker will exit";

}  // namespace

StuckThreads::StuckThreads(net::EventLoop& loop, std::span<const std::unique_ptr<Member>> threads,
                           RequestQueue& queue, QueueWatch& watch, ipc::WorkerLoad& load)
    : loop_(loop),
      threads_(threads),
      queue_(queue),
      watch_(watch),
      load_(load),
      entry_timer_(loop, [this] { look_at_entries(); }) {}

// -- On the way into the interpreter

void StuckThreads::watch_entries() {
  const auto pending = [](const auto& member) { return member->entry.pending(); };
  if (entry_timer_.armed() || std::none_of(threads_.begin(), threads_.end(), pending)) return;
  entry_timer_.expire_after(kEntryPatience);
}

void StuckThreads::look_at_entries() {
  if (take_back_late()) {
    watch_.begin();
    // What a thread waits for that C code keeps may be free in another worker.
    if (watch_.shares()) watch_.share();
    refuse_waiting();
  }
  watch_entries();
}

bool StuckThreads::take_back_late() {
  const auto limit = std::chrono::steady_clock::now() - kEntryPatience;
  bool any = false;
  const std::lock_guard lock(queue_.mutex());
  for (const auto& member : threads_) {
    Entry::Request request = member->entry.take_back(limit);
    if (!request) continue;
    queue_.put_back_locked(std::move(request));
    any = true;
  }
  if (any) load_.stalled.store(1, std::memory_order_relaxed);
  return any;
}

// -- In calls

const net::WireExchange* StuckThreads::call_of(unsigned thread,
                                               std::uint32_t sequence) const noexcept {
  const Member& member = *threads_[thread];
  const net::WireExchange* const call = member.call.load(std::memory_order_acquire);
  // Looked at afterwards: had that call ended before, there would be another sequence now.
  return member.slot->sequence.load(std::memory_order_acquire) == sequence ? call : nullptr;
}

void StuckThreads::give_up(unsigned thread, std::uint32_t sequence) {
  threads_[thread]->given_up = sequence;
  refuse_waiting();
}

void StuckThreads::on_queued() {
  if (all_stuck()) loop_.post([this] { refuse_waiting(); });
}

/// One that was given up may be what keeps the others from the interpreter.
bool StuckThreads::all_stuck() const noexcept {
  const auto given_up = [](const auto& member) {
    return member->given_up == member->slot->sequence.load(std::memory_order_acquire);
  };
  if (std::none_of(threads_.begin(), threads_.end(), given_up)) return false;
  const bool stalled = load_.stalled.load(std::memory_order_relaxed) != 0;
  return std::all_of(threads_.begin(), threads_.end(), [&](const auto& member) {
    return given_up(member) || (stalled && member->call.load() == nullptr);
  });
}

void StuckThreads::refuse_waiting() {
  while (all_stuck()) {
    const RequestQueue::Request request = queue_.take();
    if (!request) return;
    net::Connection::refuse(*request, kAllStuck);
  }
}

}  // namespace appd::pool
