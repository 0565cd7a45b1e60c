// The time limits of a front, and which of them runs out first.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/net/server_options.hpp"

namespace appd::net {

/// How a client is asked for its body ("100 Continue", RFC 9110 section 10.1.1).
enum class Asking : std::uint8_t {
  not_needed,  ///< it sends the body at once, or there is none
  due,         ///< it waits to be asked
  done,        ///< it has been asked, by a thread that now waits for the body
};

/// The time limits of a connection's front: for its first byte, for a head, for a body byte, for
/// the pace of a body that a thread waits for, and for taking a response. Those of heads and bodies
/// stand still while the front is not read from.
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

  void on_input(Clock::time_point now, std::size_t bytes) noexcept {
    last_input_ = now;
    came_since_asked_ += bytes;
    silent_ = false;
  }
  /// A head has begun, or may have begun, with the last input.
  void on_head_begun() noexcept { head_since_ = last_input_; }
  /// What was asked concerns the request before.
  void on_head_completed() noexcept { asking_ = Asking::not_needed; }
  /// The front has taken something, or has been given something to take.
  void on_output(Clock::time_point now) noexcept { last_output_ = now; }
  /// From now on input is only dropped.
  void on_linger(Clock::time_point now) noexcept;
  /// Called at each turn: `reading` says whether the front is read from.
  void count(bool reading, Clock::time_point now) noexcept;

  /// Called at each turn. The time for the body that the front owes begins once it may send it.
  void count_body(Asking asking, Clock::time_point now) noexcept;

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
  Asking asking_ = Asking::not_needed;
  Clock::time_point asked_since_{};  // while asking_ is `done`, as is the next
  std::uint64_t came_since_asked_ = 0;
};

}  // namespace appd::net
