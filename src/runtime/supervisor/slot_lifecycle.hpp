// The life of a worker's slot, as pure decisions from events and time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/supervisor/clock.hpp"
#include "runtime/supervisor/respawn_backoff.hpp"

namespace appd::supervisor {

enum class SlotState : std::uint8_t {
  waiting,   ///< no process; one is to be started when the pause is over
  starting,  ///< a process that does not accept requests yet
  ready,     ///< a process that serves
  draining,  ///< a process that finishes what it has and ends; killed when that takes too long
  exiting,   ///< its requests are done; it tells where it is, and ends, when that takes too long
  killed,    ///< SIGKILL is sent, the death not yet seen
  retired,   ///< no process, and none wanted
};

/// "ready"
const char* name(SlotState state) noexcept;

/// What the owner of the slot has to do now.
enum class SlotAction : std::uint8_t {
  none,
  start,        ///< fork, or have it forked, then tell `on_started` or `on_death`
  order_drain,  ///< tell the process to end
  abort_start,  ///< SIGABRT, at which it tells where it was; `kill` follows if need be
  abort_exit,   ///< the same
  kill,         ///< SIGKILL
};

/// The life of a worker's place: decides, but touches no process. Events come with the time.
///
///     waiting → starting → ready → draining → exiting → killed ─┐
///      ↑ ↑ └────────┴─────────┴────────┴─────────┴──────────────┴→ retired      (not wanted)
///      │ └───────── on_death, after the back-off                   │            (wanted)
///      └───────── want ────────────────────────────────────────────┘
///
/// (After an abort it is draining once more, for a short time.)
class SlotLifecycle {
 public:
  /// How long a process that is still starting may take to end: it has no request to lose.
  static constexpr std::chrono::seconds kStartingGrace{2};

  /// Retired: nobody wants a process here yet.
  SlotLifecycle() = default;

  /// A process that is there already: it starts, serves, ends when its requests have, or exits.
  enum class Found : std::uint8_t { starting, ready, retired, exiting };
  /// `limit`: as for `on_started` or `on_exiting`, from now on.
  void adopt(Clock::time_point now, Found found,
             std::optional<std::chrono::nanoseconds> limit = std::nullopt) noexcept;

  /// A process is wanted: due to start at once, or when the one that is still here has ended.
  void want(Clock::time_point now) noexcept;

  /// The next time `on_tick` has something to do; none: only events move the slot. `can_start`:
  /// whether a process could be started now; while that is false, the slot waits.
  std::optional<Clock::time_point> due(bool can_start = true) const noexcept;
  SlotAction on_tick(Clock::time_point now, bool can_start = true) noexcept;

  /// `limit`: after which a process that is not ready yet is ended; none: it may take for ever.
  void on_started(Clock::time_point now, std::optional<std::chrono::nanoseconds> limit) noexcept;
  void on_ready(Clock::time_point now) noexcept;
  /// Its requests are done. `limit`: after which it is ended, if no sooner; none: it may take for
  /// ever.
  void on_exiting(Clock::time_point now, std::optional<std::chrono::nanoseconds> limit) noexcept;
  /// The process cannot be ordered any more, so it should be ending: give it `grace`, then replace
  /// it.
  void on_link_lost(Clock::time_point now, std::chrono::nanoseconds grace) noexcept;
  /// The process ended, or could not be started. `had_requests`: see RespawnBackoff.
  void on_death(Clock::time_point now, bool had_requests = false) noexcept;

  /// The present process goes on, but none is wanted here after it.
  void release() noexcept { wanted_ = false; }
  /// The present process is of no use any more; another takes its place if one is wanted.
  SlotAction give_up() noexcept;
  /// The same, but first it is to tell where it is.
  SlotAction abort(Clock::time_point now) noexcept;

  /// No process is wanted here any more; the present one may take `grace` to end (none: as long as
  /// it takes). Once more: the shorter grace holds.
  SlotAction retire(Clock::time_point now, std::optional<std::chrono::nanoseconds> grace) noexcept;
  /// The same without any grace.
  SlotAction retire_at_once() noexcept;

  SlotState state() const noexcept { return state_; }
  bool wanted() const noexcept { return wanted_; }

 private:
  bool has_process() const noexcept;
  SlotAction abort(Clock::time_point now, SlotAction action) noexcept;
  SlotAction kill() noexcept;

  SlotState state_ = SlotState::retired;
  bool wanted_ = false;
  Clock::time_point due_{};         ///< waiting: start; starting, exiting: abort; draining: kill
  Clock::time_point started_at_{};  ///< of the present process, the last one otherwise
  std::optional<Clock::time_point> ready_since_;
  RespawnBackoff backoff_;
};

}  // namespace appd::supervisor
