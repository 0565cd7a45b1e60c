#pragma once

#include <chrono>

namespace appd::supervisor {

/// Keeps a worker that dies again and again from eating the machine: the first restart is
/// immediate, then each pause is twice the last one, until a worker has served long enough. Pure.
class RespawnBrake {
 public:
  static constexpr std::chrono::seconds kLongEnough{10};
  static constexpr std::chrono::seconds kFirstPause{1};
  static constexpr std::chrono::seconds kLongestPause{30};

  /// A worker died that had been ready for `served` (zero: it never was, so that a slow import that
  /// fails counts as no service). Gives the pause before the next start.
  std::chrono::seconds on_death(std::chrono::nanoseconds served) noexcept;

 private:
  std::chrono::seconds next_{0};
};

}  // namespace appd::supervisor
