// Steps through an overlapping or rolling reload.

#include "runtime/supervisor/rollover.hpp"

namespace appd::supervisor {
namespace {

RolloverStep next_of_overlap(const RolloverView& view) noexcept {
  if (view.started == 0) return RolloverStep::start_all;
  return view.ready == view.wanted ? RolloverStep::take_over : RolloverStep::wait;
}

RolloverStep next_of_rolling(const RolloverView& view) noexcept {
  if (view.ready < view.started || view.old_ending) return RolloverStep::wait;
  if (view.ready == view.wanted) return RolloverStep::take_over;
  if (view.replaced < view.ready && view.left > 0) return RolloverStep::replace_one;
  return RolloverStep::start_one;
}

}  // namespace

RolloverStep next_step(config::ReloadStrategy strategy, const RolloverView& view) noexcept {
  if (view.failed) return RolloverStep::discard;
  return strategy == config::ReloadStrategy::overlap ? next_of_overlap(view)
                                                     : next_of_rolling(view);
}

}  // namespace appd::supervisor
