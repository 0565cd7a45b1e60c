// The life of a worker's slot, as pure decisions from events and time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/supervisor/clock.hpp"
#include "runtime/supervisor/respawn_backoff.hpp"

namespace appd::supervisor {

enum class SlotState : std::uint8_t {
  waiting,   ///< no process; one is to start when the pause is over
  starting,  ///< a process that does not accept requests yet
  ready,     ///< a process that serves
  draining,  ///< a process that finishes what it has and ends; it is killed if that takes too long
  exiting,   ///< a process whose requests are done; it is aborted if its end takes too long
  killed,    ///< SIGKILL has been sent, and the death has not been seen yet
  retired,   ///< no process, and none is wanted
};

/// "ready"
const char* name(SlotState state) noexcept;

/// What the owner of the slot has to do now.
enum class SlotAction : std::uint8_t {
  none,
  start,        ///< fork a process, or have it forked, then call `on_started` or `on_death`
  order_drain,  ///< tell the process to end
  abort_start,  ///< send SIGABRT, at which it tells where it was; `kill` follows if need be
  abort_exit,   ///< the same while it exits
  kill,         ///< send SIGKILL
};

/// The life of a slot. It takes events with their time and decides; it touches no process.
///
///     waiting → starting → ready → draining → exiting → killed ─┐
///      ↑ ↑ └────────┴─────────┴────────┴─────────┴──────────────┴→ retired      (not wanted)
///      │ └───────── on_death, after the back-off                   │            (wanted)
///      └───────── want ────────────────────────────────────────────┘
///
/// (After an abort it is draining once more, for a short time.)
class SlotLifecycle {
 public:
  /// How long a process that is still starting may take to end. It has no request to lose.
  static constexpr std::chrono::seconds kStartingGrace{2};

  /// Retired: no process is wanted here yet.
  SlotLifecycle() = default;

  /// What a process that is there already does: it starts, serves, ends when its requests have, or
  /// exits.
  enum class Found : std::uint8_t { starting, ready, retired, exiting };
  /// Takes such a process. `limit` is that of `on_started` or `on_exiting`, from now on.
  void adopt(Clock::time_point now, Found found,
             std::optional<std::chrono::nanoseconds> limit = std::nullopt) noexcept;

  /// A process is wanted: at once, or when the one that is still here has ended.
  void want(Clock::time_point now) noexcept;

  /// When `on_tick` has something to do; std::nullopt if only events move the slot. While no
  /// process can be started (`can_start` is false), the slot waits.
  std::optional<Clock::time_point> due(bool can_start = true) const noexcept;
  SlotAction on_tick(Clock::time_point now, bool can_start = true) noexcept;

  /// A process that is not ready after `limit` is ended; std::nullopt sets no limit.
  void on_started(Clock::time_point now, std::optional<std::chrono::nanoseconds> limit) noexcept;
  void on_ready(Clock::time_point now) noexcept;
  /// Its requests are done. A process that still exits after `limit` is ended; std::nullopt sets no
  /// limit. An earlier deadline stays.
  void on_exiting(Clock::time_point now, std::optional<std::chrono::nanoseconds> limit) noexcept;
  /// The process can get no more orders, so it should be ending. It has `grace` for that; then it
  /// is killed and replaced.
  void on_link_lost(Clock::time_point now, std::chrono::nanoseconds grace) noexcept;
  /// The process has ended, or could not be started. For `had_requests` see RespawnBackoff.
  void on_death(Clock::time_point now, bool had_requests = false) noexcept;

  /// The process goes on, but no other is wanted here after it.
  void release() noexcept { wanted_ = false; }
  /// The process is of no use any more: it is killed, and replaced if one is wanted here.
  SlotAction give_up() noexcept;
  /// The same, but it is aborted first, so that it tells where it is.
  SlotAction abort(Clock::time_point now) noexcept;

  /// No process is wanted here any more. The present one may take `grace` to end; std::nullopt sets
  /// no limit. Of several calls the shortest grace holds.
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
