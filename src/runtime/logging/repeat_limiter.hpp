// Limits log lines that clients can provoke.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "runtime/gateway/reporter.hpp"

namespace appd::logging {

/// Lets one line per second through for each event, and counts the others. Pure; the caller locks.
class RepeatLimiter {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kSecond{1};

  /// Takes a line at `now`. True if it is to be written, after the lines that `take_owed` gives.
  bool admit(gateway::LogEvent event, Clock::time_point now) noexcept;
  /// Calls `owed` with each event whose second is over, and with the number of its lines that were
  /// held back.
  void take_owed(Clock::time_point now,
                 const std::function<void(gateway::LogEvent, std::uint64_t)>& owed);
  /// Whether lines are held back.
  bool owes() const noexcept { return held_back_ > 0; }

 private:
  struct Second {
    std::optional<Clock::time_point> begin{};
    std::uint64_t held_back = 0;
  };

  std::array<Second, gateway::kLogEvents> seconds_{};
  std::uint64_t held_back_ = 0;  ///< of all events
};

}  // namespace appd::logging
