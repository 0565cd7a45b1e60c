// The time limits of a front, and which of them runs out first.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/net/server_options.hpp"

namespace appd::net {

/// The time limits of a connection's front: for its first byte, for a head, for a body byte, and
/// for taking a response. Those of heads and bodies stand still while the front is not read from.
/// Loop's thread; all times are the loop's running time.
class FrontTimes {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Wait : std::uint8_t { end, head, body, room };
  struct Deadline {
    Wait wait;
    Clock::time_point end;
  };
  /// What the connection waits for. Many bools because it may wait for several at the same time.
  struct Waits {
    bool end = false;   ///< the first byte, on a connection that is to end
    bool room = false;  ///< the front is to take a response
    bool head = false;  ///< the rest of a head
    bool body = false;  ///< body bytes
  };

  explicit FrontTimes(Clock::time_point opened) noexcept : opened_(opened) {}

  void on_input(Clock::time_point now) noexcept {
    last_input_ = now;
    silent_ = false;
  }
  /// A head has begun, or may have begun, with the last input.
  void on_head_begun() noexcept { head_since_ = last_input_; }
  /// The front has taken something, or has been given something to take.
  void on_output(Clock::time_point now) noexcept { last_output_ = now; }
  /// From now on input is only dropped.
  void on_linger(Clock::time_point now) noexcept;
  /// Called at each turn: `reading` says whether the front is read from.
  void count(bool reading, Clock::time_point now) noexcept;

  /// Called at each turn: `asked` says whether the front may send the body that it owes. The time
  /// for that begins once it may.
  void count_body(bool asked, Clock::time_point now) noexcept {
    if (asked && !asked_) last_input_ = now;
    asked_ = asked;
  }

  /// No byte has come yet.
  bool silent() const noexcept { return silent_; }
  /// The limit that runs out first; std::nullopt if none does. Those of heads and bodies do not
  /// count while the front is not read from.
  std::optional<Deadline> next(const Waits& waits, const ServerOptions& options) const;
  Deadline end_of_linger() const noexcept;

 private:
  const Clock::time_point opened_;
  Clock::time_point head_since_{};
  Clock::time_point last_input_{};
  Clock::time_point last_output_{};
  Clock::time_point linger_until_{};
  std::optional<Clock::time_point> unread_since_;  // std::nullopt while the front is read from
  bool silent_ = true;
  bool asked_ = true;  // for the body
};

}  // namespace appd::net
