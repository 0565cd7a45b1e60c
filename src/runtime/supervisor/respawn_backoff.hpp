// Pauses between restarts of a worker that keeps dying.
#pragma once

#include <chrono>
#include <optional>

namespace appd::supervisor {

/// Keeps a worker that dies again and again from eating the machine. Pure.
///
/// One that cannot start, or dies by itself, gets pauses: the first restart is immediate, then each
/// pause is twice the last one, until a worker has served long enough. One that has met requests
/// was started well, and what kills it is a request: others wait for its place, so it is replaced
/// at once. Only when it dies sooner than its start took is there a pause, so that starts take half
/// of the time at most.
class RespawnBackoff {
 public:
  static constexpr std::chrono::seconds kLongEnough{10};
  static constexpr std::chrono::seconds kFirstPause{1};
  static constexpr std::chrono::seconds kLongestPause{30};
  /// From the readiness of one that had requests to the next start, at least and at most.
  static constexpr std::chrono::milliseconds kShortestTurn{100};
  static constexpr std::chrono::milliseconds kLongestTurn{1000};

  /// The life of a worker that has died.
  struct Life {
    /// From its start to its readiness; none: it was never ready.
    std::optional<std::chrono::nanoseconds> start{};
    std::chrono::nanoseconds served{0};  ///< from then on
    bool had_requests = false;           ///< it has answered some, or has died in one
  };
  /// Gives the pause before the next start.
  std::chrono::nanoseconds on_death(const Life& life) noexcept;

 private:
  std::chrono::seconds next_{0};
};

}  // namespace appd::supervisor
