// How one generation replaces another, as pure decisions.
#pragma once

#include <cstdint>

#include "runtime/config/settings.hpp"

namespace appd::supervisor {

/// The state of both generations. Counts are of workers.
struct RolloverView {
  unsigned wanted = 0;      ///< workers of the new generation
  unsigned started = 0;     ///< how many of them have been started
  unsigned ready = 0;       ///< how many of them are ready
  unsigned replaced = 0;    ///< old ones retired for new ones
  unsigned left = 0;        ///< old ones that go on
  bool old_ending = false;  ///< a retired one has not ended yet, and may still be waited for
  bool failed = false;      ///< a new one could not start, or has died
};

/// What the master has to do now.
enum class RolloverStep : std::uint8_t {
  wait,         ///< nothing
  start_all,    ///< start all new ones
  start_one,    ///< start one new one
  replace_one,  ///< have the new ones that are ready serve, and retire an old one
  take_over,    ///< have all new ones serve, and retire all old ones
  discard,      ///< retire the new ones, and start old ones again in the place of those replaced
};

/// Decides. The same view always gives the same step.
RolloverStep next_step(config::ReloadStrategy strategy, const RolloverView& view) noexcept;

}  // namespace appd::supervisor
