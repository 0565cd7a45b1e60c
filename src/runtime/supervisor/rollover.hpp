// How one generation replaces another, as pure decisions.
#pragma once

#include <cstdint>

namespace appd::supervisor {

/// How a new generation takes the place of the one that serves.
enum class RolloverStrategy : std::uint8_t {
  overlap,  ///< at once, when all of its workers are ready: for a moment both are in memory
  rolling,  ///< worker by worker: one more than usual is in memory
};

/// What is so while one takes the place of the other. Counts are of workers.
struct RolloverView {
  unsigned wanted = 0;      ///< that the new generation is to have
  unsigned started = 0;     ///< of those
  unsigned ready = 0;       ///< of those
  unsigned replaced = 0;    ///< of the old generation, that were retired for new ones
  unsigned left = 0;        ///< of the old generation, that go on
  bool old_ending = false;  ///< a retired one has not ended yet, and may still be waited for
  bool failed = false;      ///< a worker of the new generation could not start, or died
};

/// What is to be done now.
enum class RolloverStep : std::uint8_t {
  wait,
  start_all,
  start_one,
  replace_one,  ///< those that are ready serve, and one of the old is retired
  take_over,    ///< all that are ready serve, and all that are left of the old are retired
  discard,      ///< the new ones are retired, and those of the old started again that are missing
};

/// Decides; the same view gives the same step.
RolloverStep next_step(RolloverStrategy strategy, const RolloverView& view) noexcept;

}  // namespace appd::supervisor
