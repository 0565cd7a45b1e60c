// The deadlines of running requests, as pure decisions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace appd::pool {

/// How long a request may go without progress. 0: for ever.
struct DeadlineLimits {
  std::chrono::nanoseconds slow{0};     ///< until it is reported
  std::chrono::nanoseconds request{0};  ///< until its thread is interrupted
  std::chrono::nanoseconds grace{0};    ///< after that, until the thread is given up

  bool any() const noexcept { return slow.count() > 0 || request.count() > 0; }
};

enum class DeadlineEvent : std::uint8_t {
  none,
  slow,     ///< once for a request, unless it is overdue before
  overdue,  ///< to be interrupted; again when it has gone on and stands still once more
  stuck,    ///< it has not gone on since; the last event of a request
};

/// The time of one thread's requests: decides, but touches nothing. It is shown what the thread
/// does every now and then.
///
/// Progress is what the client gets: the head, then each block of the response. Time in which the
/// request waits for its front (for body bytes, or for room), or for an interpreter that another
/// request keeps, is not its own, so that its end is as good as progress. When a block went out is
/// not known, only that one has since the last look: the time begins at that look then, up to
/// `next_look` late.
///
///     going on ──limit──► overdue ──grace──► stuck
///        ▲────progress───────┘
class DeadlineWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// What the thread does.
  struct View {
    bool runs = false;              ///< a request
    std::uint32_t request = 0;      ///< another number for each
    Clock::time_point started{};    ///< of it
    std::uint32_t progress = 0;     ///< another number after each progress; 0: none yet
    bool waits_for_others = false;  ///< its front, or who keeps the interpreter
  };

  explicit DeadlineWatch(DeadlineLimits limits) noexcept : limits_(limits) {}

  /// What is to be done. To be asked again until that is nothing.
  DeadlineEvent look(const View& view, Clock::time_point now) noexcept;
  /// When to look again at the latest.
  Clock::time_point next_look(Clock::time_point now) const noexcept;
  /// Since when the request has made no progress.
  Clock::time_point still_since() const noexcept { return since_; }
  /// It has made no progress for half of the time that it may go without.
  bool half_way(Clock::time_point now) const noexcept;
  /// It was given up.
  bool stuck() const noexcept { return state_ == State::stuck; }

 private:
  enum class State : std::uint8_t { idle, going_on, overdue, stuck };

  void begin(const View& view) noexcept;
  void note_progress(const View& view, Clock::time_point now) noexcept;
  std::optional<Clock::time_point> due() const noexcept;

  const DeadlineLimits limits_;
  State state_ = State::idle;
  bool reported_ = false;  // as slow
  std::uint32_t request_ = 0;
  std::uint32_t progress_ = 0;
  Clock::time_point since_{};    // the last progress
  Clock::time_point overdue_{};  // since when it is
};

}  // namespace appd::pool
