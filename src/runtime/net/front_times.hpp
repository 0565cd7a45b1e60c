// The times that a front has, and which of them runs out first.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/net/server_options.hpp"

namespace appd::net {

/// The times of a connection's front: for its first byte, a head, a body byte, and for taking a
/// response. They stand still while the front is not read from. Loop's thread; all times are the
/// loop's running time.
class FrontTimes {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Wait : std::uint8_t { end, head, body, room };
  struct Deadline {
    Wait wait;
    Clock::time_point end;
  };
  /// What is waited for.
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
  /// A head has begun, or may begin, with the last input.
  void on_head_begun() noexcept { head_since_ = last_input_; }
  /// The front has taken something, or has been given something to take.
  void on_output(Clock::time_point now) noexcept { last_output_ = now; }
  /// From now on input is only dropped.
  void on_linger(Clock::time_point now) noexcept;
  /// Says at each turn whether the front is read from.
  void count(bool reading, Clock::time_point now) noexcept;

  /// No byte has come yet.
  bool silent() const noexcept { return silent_; }
  /// What runs out first; nothing for input while it is not read. std::nullopt if nothing does.
  std::optional<Deadline> next(const Waits& waits, const ServerOptions& options) const;
  Deadline end_of_linger() const noexcept;

 private:
  const Clock::time_point opened_;
  Clock::time_point head_since_{};
  Clock::time_point last_input_{};
  Clock::time_point last_output_{};
  Clock::time_point linger_until_{};
  std::optional<Clock::time_point> unread_since_;  // std::nullopt while it is read from
  bool silent_ = true;
};

}  // namespace appd::net
