// Keeps the time limits of a front, and finds the first that runs out.

#include "runtime/net/front_times.hpp"

#include <algorithm>
#include <utility>

namespace appd::net {
namespace {

/// After a response to a request whose body is not all in, late input is read and dropped: a reset
/// would take the response away from the front. This ends when none has come for kLingerIdle, or
/// after kLingerTotal.
constexpr std::chrono::seconds kLingerIdle{5};
constexpr std::chrono::seconds kLingerTotal{60};
/// Bytes a second of a body for which a thread waits, beyond --body-timeout: whoever sends a byte
/// now and then must not have the thread for as long as it likes.
constexpr std::uint64_t kLeastPace = 500;
/// A front that has just connected is about to send; draining waits this long for its first byte.
constexpr std::chrono::seconds kFirstByteGrace{1};

}  // namespace

void FrontTimes::on_linger(Clock::time_point now) noexcept {
  last_input_ = now;
  linger_until_ = now + kLingerTotal;
}

void FrontTimes::count_body(Asking asking, Clock::time_point now) noexcept {
  if (asking == Asking::done && asking_ != Asking::done) {
    last_input_ = asked_since_ = now;
    came_since_asked_ = 0;
  }
  asking_ = asking;
}

void FrontTimes::count(bool reading, Clock::time_point now) noexcept {
  if (reading == !unread_since_) return;
  if (!reading) {
    unread_since_ = now;
    return;
  }
  const Clock::duration still = now - *std::exchange(unread_since_, std::nullopt);
  head_since_ += still;
  asked_since_ += still;
  last_input_ += still;
}

std::optional<FrontTimes::Deadline> FrontTimes::next(const Waits& waits,
                                                     const ServerOptions& options) const {
  std::optional<Deadline> first;
  const auto consider = [&first](Wait wait, Clock::time_point end) {
    if (!first || end < first->end) first = {wait, end};
  };
  if (waits.end) consider(Wait::end, opened_ + kFirstByteGrace);
  if (waits.room) consider(Wait::room, last_output_ + options.write_timeout);
  if (unread_since_) return first;
  if (waits.head) consider(Wait::head, head_since_ + options.header_timeout);
  if (!waits.body || asking_ == Asking::due) return first;
  consider(Wait::body, last_input_ + options.body_timeout);
  if (asking_ == Asking::done) {
    const std::chrono::seconds earned(came_since_asked_ / kLeastPace);
    consider(Wait::body, asked_since_ + options.body_timeout + earned);
  }
  return first;
}

FrontTimes::Deadline FrontTimes::end_of_linger() const noexcept {
  return {Wait::end, std::min(linger_until_, last_input_ + kLingerIdle)};
}

}  // namespace appd::net
