#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace appd::observe {

/// What one pool thread does, in memory shared by master and workers. Written by that thread alone
/// (no line is written by two threads), read by anyone at any time. The text of a request may be torn
/// while it changes; `sequence` tells (odd: being written).
struct alignas(64) ThreadSlot {
  static constexpr std::size_t kTextSize = 240;

  /// Notes a request's start. `started`: steady clock, nanoseconds. A longer text is cut.
  void begin(std::int64_t started, std::string_view method, std::string_view uri) noexcept;
  void end() noexcept;

  std::atomic<std::uint32_t> sequence{0};
  std::atomic<std::int64_t> started{0};  ///< 0: idle
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint16_t> text_size{0};
  std::array<std::atomic<char>, kTextSize> text{};
};

/// A request in progress as read from a slot.
struct RunningRequest {
  unsigned thread;
  std::chrono::nanoseconds age;
  std::string text;  ///< "GET /path"
};

/// The shared mapping: a row of thread slots for each worker. Made by the master before it forks;
/// survives a worker's death, so the master can say what the worker was serving.
class Scoreboard {
 public:
  /// Throws std::system_error when the mapping cannot be had.
  Scoreboard(unsigned workers, unsigned threads);
  ~Scoreboard();
  Scoreboard(const Scoreboard&) = delete;
  Scoreboard& operator=(const Scoreboard&) = delete;

  std::span<ThreadSlot> worker(unsigned index) noexcept;
  std::vector<RunningRequest> running(unsigned index) const;
  /// Before a slot's place is given to a new worker; counters stay.
  void clear(unsigned index) noexcept;

 private:
  ThreadSlot* slots_;
  unsigned workers_;
  unsigned threads_;
};

}  // namespace appd::observe
