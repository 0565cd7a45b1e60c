// One reload: the next generation takes the place of the present one, or is discarded.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/gateway/reporter.hpp"
#include "runtime/supervisor/callers.hpp"
#include "runtime/supervisor/clock.hpp"
#include "runtime/supervisor/rollover.hpp"
#include "runtime/supervisor/worker_group.hpp"

namespace appd::supervisor {

/// Carries out what rollover.hpp decides, step by step, and tells those that wait for it.
///
/// Until the next generation has taken over, any failure in it ends the reload. The next generation
/// is discarded, and the present one gets back the workers that it has lost.
///
/// After the take-over the reload ends when the former generation takes no more connections. So no
/// request meets the old code once the callers have been told. The wait for that is limited. Then
/// the listeners are closed that only the former generation has.
class Reload {
 public:
  /// How long the former workers may take to say that they know of their retirement.
  static constexpr std::chrono::seconds kFormerPatience{5};

  enum class Progress : std::uint8_t {
    under_way,
    taken_over,  ///< returned once: the next generation serves, but this is not the end yet
    finished,    ///< the end: the next generation serves alone
    discarded,   ///< the end: the present generation goes on
  };

  /// Borrows all but the callers. No worker of `next` is wanted yet; it gets as many as `present`
  /// has needed of late, within its own limits.
  Reload(WorkerGroup& present, WorkerGroup& next, Callers callers, gateway::Reporter& reporter,
         Clock::time_point now);

  /// Does the next step if it is due. Not to be called after the end.
  Progress advance(Clock::time_point now);
  /// When to advance although nothing has happened; std::nullopt if only events move it.
  std::optional<Clock::time_point> due() const noexcept { return patience_; }
  /// Whether the group is one of its two.
  bool is_of(const WorkerGroup& group) const noexcept {
    return &group == &former_ || &group == &next_;
  }
  const WorkerGroup& next() const noexcept { return next_; }
  /// Workers that serve although their generation has not taken over yet.
  unsigned serving_early() const noexcept;
  /// Ends it without an outcome: everything stops.
  void abandon(std::string_view why) noexcept { callers_.fail(why); }

 private:
  RolloverView view() const noexcept;
  Progress roll_over(Clock::time_point now);
  Progress take_over(Clock::time_point now);
  Progress await_former(Clock::time_point now);
  Progress discard();

  WorkerGroup& former_;  ///< the present one until the take-over
  WorkerGroup& next_;
  Callers callers_;
  gateway::Reporter& reporter_;
  const Clock::time_point began_;
  const unsigned wanted_;                      ///< workers of the next generation
  unsigned replaced_ = 0;                      ///< workers that were retired for them
  std::optional<Clock::time_point> patience_;  ///< with the former, after the take-over
};

}  // namespace appd::supervisor
