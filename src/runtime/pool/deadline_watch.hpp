// The deadlines of running requests, as pure decisions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace appd::pool {

/// How long a request may go without progress. 0 means for ever.
struct DeadlineLimits {
  std::chrono::nanoseconds slow{0};     ///< until the request is reported
  std::chrono::nanoseconds request{0};  ///< until its thread is interrupted
  std::chrono::nanoseconds grace{0};    ///< from then until the thread is given up

  bool any() const noexcept { return slow.count() > 0 || request.count() > 0; }
};

enum class DeadlineEvent : std::uint8_t {
  none,
  slow,     ///< to be reported: once for a request, unless it is overdue before
  overdue,  ///< to be interrupted: each time that it stands still for too long
  stuck,    ///< it has made no progress since it was interrupted: the last event of a request
};

/// Judges the time that one thread's requests take. It decides and touches nothing: the caller
/// shows it every now and then what the thread does.
///
/// Progress is what the client gets: the head, then each block of the response. A request may wait
/// for its front (for body bytes, or for room), or for an interpreter that another request keeps.
/// That time is not its own, so the end of such a wait counts as progress. A look shows that a
/// block went out, but not when. So the time begins anew at the look, up to `next_look` late.
///
///     going on ──limit──► overdue ──grace──► stuck
///        ▲────progress───────┘
class DeadlineWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// What the thread does.
  struct View {
    bool runs = false;              ///< true if it runs a request
    std::uint32_t request = 0;      ///< a number of its own for each request
    Clock::time_point started{};    ///< when that request began
    std::uint32_t progress = 0;     ///< changes with each progress; 0 means that there was none
    bool waits_for_others = false;  ///< for its front, or for a thread that keeps the interpreter
  };

  explicit DeadlineWatch(DeadlineLimits limits) noexcept : limits_(limits) {}

  /// Returns what is to be done. Call it again until it returns `none`.
  DeadlineEvent look(const View& view, Clock::time_point now) noexcept;
  /// The latest time for the next look.
  Clock::time_point next_look(Clock::time_point now) const noexcept;
  /// Since when the request has made no progress.
  Clock::time_point still_since() const noexcept { return since_; }
  /// True if it has made no progress for half of the time that it may go without.
  bool half_way(Clock::time_point now) const noexcept;
  /// True if it was given up.
  bool stuck() const noexcept { return state_ == State::stuck; }

 private:
  enum class State : std::uint8_t { idle, going_on, overdue, stuck };

  void begin(const View& view) noexcept;
  void note_progress(const View& view, Clock::time_point now) noexcept;
  std::optional<Clock::time_point> due() const noexcept;

  const DeadlineLimits limits_;
  State state_ = State::idle;
  bool reported_ = false;  // as slow or overdue
  std::uint32_t request_ = 0;
  std::uint32_t progress_ = 0;
  Clock::time_point since_{};    // of the last progress
  Clock::time_point overdue_{};  // when it became overdue
};

}  // namespace appd::pool
