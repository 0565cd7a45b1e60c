// The scoreboard: what every thread and worker does, in memory that all processes share.
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
#include "runtime/support/unique_fd.hpp"

namespace appd::ipc {

/// What one pool thread does, in memory shared by master and workers. Only that thread writes it
/// (no cache line has two writers); anyone may read it at any time.
struct alignas(64) ThreadSlot {
  static constexpr std::size_t kTextSize = 216;  ///< makes a slot four cache lines

  /// Notes the start of a request. `start` is from support::monotonic_ns(). A longer text is cut.
  /// It is written here, not taken from gateway::request_text: that allocates, and looks at each
  /// byte, and this runs for each request. So it holds bytes as the front sent them; what reads it
  /// makes them safe for its reader.
  void begin(std::int64_t start, std::string_view method, std::string_view uri) noexcept;
  /// Notes its end and counts it. `front_lost` means that the front went away before the response
  /// was complete.
  void end(bool front_lost = false) noexcept;

  /// The state at one moment.
  struct Reading {
    std::uint32_t sequence = 0;
    std::int64_t started = 0;
    std::uint32_t progress = 0;
    bool waiting = false;
    std::string text;  ///< "GET /path"; "(just starting)" if it was only half written
  };
  Reading read() const;

  /// Changes when a request begins and when it ends; odd while one is being noted.
  std::atomic<std::uint32_t> sequence{0};
  std::atomic<std::uint32_t> text_size{0};
  std::atomic<std::int64_t> started{0};  ///< 0 means idle
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint32_t> lost{0};  ///< requests whose front went away
  gateway::Progress progress;
  /// "GET /path", eight bytes to a word: a whole text costs a few stores.
  std::array<std::atomic<std::uint64_t>, kTextSize / 8> text{};
};
static_assert(sizeof(ThreadSlot) == 256);

/// How busy one worker is, in memory that all workers share. They use it to pass on requests that
/// would have to wait. Each figure is right at its own moment; together they serve as a guess.
struct alignas(64) WorkerLoad {
  std::atomic<std::uint32_t> open{0};     ///< not 0 if it takes connections
  std::atomic<std::uint32_t> full{0};     ///< not 0 if it has no room for another one now
  std::atomic<int> running{0};            ///< threads in calls, or about to enter one
  std::atomic<int> waiting{0};            ///< requests that wait for a thread
  std::atomic<int> incoming{0};           ///< connections on their way to it from others
  std::atomic<std::uint32_t> stalled{0};  ///< not 0 if its threads wait for the interpreter
  std::atomic<std::uint64_t> spooled{0};  ///< bytes in its spool files
  /// support::monotonic_ns() at the last heartbeat of its loop
  std::atomic<std::int64_t> alive{0};
  /// support::monotonic_ns() when the first waiting request was queued; meaningless while none
  /// waits
  std::atomic<std::int64_t> waiting_since{0};

  /// Requests that run or wait: 0 to `most`, whatever the memory contains.
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

/// A request in progress, as read from a slot.
struct RunningRequest {
  unsigned thread;  ///< counted from 1
  std::chrono::nanoseconds age;
  std::string text;  ///< "GET /path"; "(just starting)" if it was only half written
};

/// The requests of all workers that wait for a thread.
struct WaitingRequests {
  std::uint64_t count = 0;
  std::chrono::nanoseconds oldest{0};  ///< how long the oldest has waited
};

/// The shared mapping: a row of thread slots for each worker. Workers can write anything there, so
/// readers read each value once and trust no range. The master makes it, and hands its file to the
/// workers. It survives a worker's death, so the master can say what the worker was serving.
class Scoreboard {
 public:
  /// Both numbers are at least 1. Throws std::system_error if there is no memory for the mapping.
  Scoreboard(unsigned workers, unsigned threads);
  /// Maps the file of another process's scoreboard with the same numbers. Throws std::system_error,
  /// and std::runtime_error if the file is too short for them.
  Scoreboard(const support::UniqueFd& file, unsigned workers, unsigned threads);
  ~Scoreboard();
  Scoreboard(const Scoreboard&) = delete;
  Scoreboard& operator=(const Scoreboard&) = delete;

  /// For the process that is to map it, too; close-on-exec. Nobody can cut it short.
  int file() const noexcept { return file_.get(); }
  /// The slots of a worker's pool threads. `index` counts from 0.
  std::span<ThreadSlot> worker(unsigned index) noexcept;
  unsigned workers() const noexcept { return workers_; }
  /// One for each worker.
  std::span<WorkerLoad> loads() noexcept { return {loads_, workers_}; }
  std::span<const WorkerLoad> loads() const noexcept { return {loads_, workers_}; }
  /// The requests that the worker's threads are serving or, if it is dead, were serving. Threads
  /// count from 1, as in logs.
  std::vector<RunningRequest> running(unsigned index) const;
  /// Requests answered by all workers that have had this place so far.
  std::uint64_t answered(unsigned index) const noexcept;
  /// Those of them whose front had gone away before the response was complete.
  std::uint64_t lost(unsigned index) const noexcept;
  /// A request whose front has gone away counts until its turn comes.
  WaitingRequests waiting() const noexcept;
  /// Call it after a worker's death, before its place gets a new worker. Counters stay, and so do
  /// connections on their way to it. Its spool files are gone with it.
  void clear(unsigned index) noexcept;
  /// Size of the mapping in bytes. It begins with the loads.
  std::size_t size() const noexcept;

 private:
  std::span<const ThreadSlot> row(unsigned index) const noexcept;

  void map(const support::UniqueFd& file);

  const unsigned workers_;
  const unsigned threads_;
  const support::UniqueFd file_;  // empty in a process that has not made it
  WorkerLoad* loads_ = nullptr;   // the mapping begins here
  ThreadSlot* slots_ = nullptr;
};

}  // namespace appd::ipc
