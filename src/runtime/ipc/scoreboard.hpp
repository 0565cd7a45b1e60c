#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/progress.hpp"

namespace appd::ipc {

/// What one pool thread does, in memory shared by master and workers. Written by that thread alone
/// (no line is written by two threads), read by anyone at any time.
struct alignas(64) ThreadSlot {
  static constexpr std::size_t kTextSize = 216;  ///< makes a slot four cache lines

  /// Notes a request's start. `start`: support::monotonic_ns(). A longer text is cut.
  void begin(std::int64_t start, std::string_view method, std::string_view uri) noexcept;
  /// Notes its end and counts it. `front_lost`: that had gone away before the response was
  /// complete.
  void end(bool front_lost = false) noexcept;

  /// What was read at one moment.
  struct Reading {
    std::uint32_t sequence = 0;
    std::int64_t started = 0;
    std::uint32_t progress = 0;
    bool waiting = false;
    std::string text;  ///< "GET /path"; "(just starting)" when it was only half written
  };
  Reading read() const;

  /// Changes when a request begins and when it ends; odd while one is being noted.
  std::atomic<std::uint32_t> sequence{0};
  std::atomic<std::uint32_t> text_size{0};
  std::atomic<std::int64_t> started{0};  ///< 0: idle
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint32_t> lost{0};  ///< of the requests
  gateway::Progress progress;
  /// "GET /path", eight bytes to a word: a whole text costs a few stores.
  std::array<std::atomic<std::uint64_t>, kTextSize / 8> text{};
};
static_assert(sizeof(ThreadSlot) == 256);

/// How busy one worker is, in memory that all workers share: they give each other what would have
/// to wait. Figures for a guess, each right at its moment.
struct alignas(64) WorkerLoad {
  std::atomic<std::uint32_t> open{0};     ///< not 0: it takes connections
  std::atomic<std::uint32_t> full{0};     ///< not 0: it has no room for one more just now
  std::atomic<int> running{0};            ///< threads in calls, or on their way to one
  std::atomic<int> waiting{0};            ///< requests that wait for a thread
  std::atomic<int> incoming{0};           ///< connections on their way to it from others
  std::atomic<std::uint32_t> stalled{0};  ///< not 0: its threads wait for the interpreter
  std::atomic<std::uint64_t> spooled{0};  ///< bytes that its spool files take
  /// support::monotonic_ns() when its loop last ran, or will have been needed when it has ended
  std::atomic<std::int64_t> alive{0};
  /// support::monotonic_ns() when the first of the waiting was queued; nothing while none waits
  std::atomic<std::int64_t> waiting_since{0};

  /// Requests that run or wait; 0 to `most`, whatever is written there.
  unsigned busy(unsigned most) const noexcept {
    const std::int64_t sum = std::int64_t{running.load(std::memory_order_relaxed)} +
                             waiting.load(std::memory_order_relaxed);
    return static_cast<unsigned>(std::clamp<std::int64_t>(sum, 0, most));
  }
  bool has_idle_thread(unsigned threads) const noexcept {
    const std::int64_t sum = std::int64_t{running.load(std::memory_order_relaxed)} +
                             waiting.load(std::memory_order_relaxed) +
                             std::max(incoming.load(std::memory_order_relaxed), 0);
    return open.load(std::memory_order_relaxed) != 0 && full.load(std::memory_order_relaxed) == 0 &&
           stalled.load(std::memory_order_relaxed) == 0 && sum < threads;
  }
};

/// A request in progress as read from a slot.
struct RunningRequest {
  unsigned thread;  ///< from 1
  std::chrono::nanoseconds age;
  std::string text;  ///< "GET /path"; "(just starting)" when it was only half written
};

/// The requests that wait for a thread, of all workers.
struct WaitingRequests {
  std::uint64_t count = 0;
  std::chrono::nanoseconds oldest{0};  ///< how long it has waited
};

/// The shared mapping: a row of thread slots for each worker. Workers can write anything there, so
/// its readers take each value once and believe in no range. Made by the master before it forks;
/// survives a worker's death, so the master can say what the worker was serving.
class Scoreboard {
 public:
  /// Throws std::system_error when the mapping cannot be had. Both numbers are at least 1.
  Scoreboard(unsigned workers, unsigned threads);
  ~Scoreboard();
  Scoreboard(const Scoreboard&) = delete;
  Scoreboard& operator=(const Scoreboard&) = delete;

  /// The slots of a worker's pool threads; `index` counts from 0.
  std::span<ThreadSlot> worker(unsigned index) noexcept;
  unsigned workers() const noexcept { return workers_; }
  /// One for each worker.
  std::span<WorkerLoad> loads() noexcept { return {loads_, workers_}; }
  std::span<const WorkerLoad> loads() const noexcept { return {loads_, workers_}; }
  /// What the worker's threads are serving now or, when it is dead, were serving. Threads are
  /// counted from 1, as in logs.
  std::vector<RunningRequest> running(unsigned index) const;
  /// Requests that were answered in the worker's place so far, by all who had it.
  std::uint64_t answered(unsigned index) const noexcept;
  /// Of these, those whose front had gone away before the response was complete.
  std::uint64_t lost(unsigned index) const noexcept;
  /// One whose front has gone away counts until its turn.
  WaitingRequests waiting() const noexcept;
  /// After a worker's death, before its place is given to a new one; counters stay, and so does
  /// what is on its way to it. Its spool files are gone with it.
  void clear(unsigned index) noexcept;
  /// Of the mapping, in bytes; it begins with the loads.
  std::size_t size() const noexcept;

 private:
  std::span<const ThreadSlot> row(unsigned index) const noexcept;

  WorkerLoad* loads_;  // the mapping begins here
  ThreadSlot* slots_;
  unsigned workers_;
  unsigned threads_;
};

}  // namespace appd::ipc
