// Pauses between restarts of a worker that keeps dying.
#pragma once

#include <chrono>
#include <optional>

namespace appd::supervisor {

/// Keeps a worker that dies again and again from using up the machine. Pure.
///
/// A worker that cannot start, or dies by itself, is restarted after pauses. The first restart is
/// immediate. Then each pause is twice the last one, until a worker has served long enough.
///
/// A worker that has had requests was started well, and a request has killed it. Others wait for
/// its place, so it is replaced at once. Only if it has served for less time than its start took is
/// there a pause, so starts take half of the time at most.
class RespawnBackoff {
 public:
  static constexpr std::chrono::seconds kLongEnough{10};
  static constexpr std::chrono::seconds kFirstPause{1};
  static constexpr std::chrono::seconds kLongestPause{30};
  /// Bounds for the time between two starts of workers that had requests: from one being ready to
  /// the start of its replacement.
  static constexpr std::chrono::milliseconds kShortestTurn{100};
  static constexpr std::chrono::milliseconds kLongestTurn{1000};

  /// The life of a worker that has died.
  struct Life {
    /// From its start to its readiness; std::nullopt if it was never ready.
    std::optional<std::chrono::nanoseconds> start{};
    std::chrono::nanoseconds served{0};  ///< from then on
    bool had_requests = false;           ///< it has answered some, or has died in one
  };
  /// Returns the pause before the next start.
  std::chrono::nanoseconds on_death(const Life& life) noexcept;

 private:
  std::chrono::seconds next_{0};
};

}  // namespace appd::supervisor
