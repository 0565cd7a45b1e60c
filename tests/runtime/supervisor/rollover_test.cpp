// Tests of overlapping and rolling reloads, without processes.

#include "runtime/supervisor/rollover.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace appd;
using namespace appd::supervisor;

namespace {

using Steps = std::vector<RolloverStep>;

/// Four workers take the place of `old` ones, each start and each end lasting a step of its own.
Steps steps_of(config::ReloadStrategy strategy, unsigned old, unsigned broken_at = 100) {
  RolloverView view;
  view.wanted = 4;
  view.left = old;
  Steps steps;
  while (steps.size() < 100) {
    const RolloverStep step = next_step(strategy, view);
    steps.push_back(step);
    switch (step) {
      case RolloverStep::wait:
        if (view.old_ending) {
          view.old_ending = false;
        } else {
          view.failed = view.ready == broken_at;
          ++view.ready;
        }
        break;
      case RolloverStep::start_all:
        view.started = view.wanted;
        break;
      case RolloverStep::start_one:
        ++view.started;
        break;
      case RolloverStep::replace_one:
        ++view.replaced;
        --view.left;
        view.old_ending = true;
        break;
      case RolloverStep::take_over:
      case RolloverStep::discard:
        return steps;
    }
  }
  return steps;
}

}  // namespace

TEST_SUITE("rollover") {
  using enum RolloverStep;

  TEST_CASE("overlapping generations: all start, all are ready, all take over") {
    CHECK(steps_of(config::ReloadStrategy::overlap, 4) ==
          Steps{start_all, wait, wait, wait, wait, take_over});
  }

  TEST_CASE("the first failure of any worker discards a generation") {
    CHECK(steps_of(config::ReloadStrategy::overlap, 4, 2) ==
          Steps{start_all, wait, wait, wait, discard});
    CHECK(steps_of(config::ReloadStrategy::rolling, 4, 1) ==
          Steps{start_one, wait, replace_one, wait, start_one, wait, discard});
  }

  TEST_CASE("rolling: one starts, one of the old ends, and so on; the last takes over") {
    CHECK(steps_of(config::ReloadStrategy::rolling, 4) ==
          Steps{start_one, wait, replace_one, wait,  //
                start_one, wait, replace_one, wait,  //
                start_one, wait, replace_one, wait,  //
                start_one, wait, take_over});
  }

  TEST_CASE("rolling to more workers than there were: none is left to end before the last starts") {
    CHECK(steps_of(config::ReloadStrategy::rolling, 1) ==
          Steps{start_one, wait, replace_one, wait,  //
                start_one, wait, start_one, wait, start_one, wait, take_over});
  }

  TEST_CASE("rolling to fewer workers: the last one takes over from all that are left") {
    const Steps steps = steps_of(config::ReloadStrategy::rolling, 9);
    CHECK(std::count(steps.begin(), steps.end(), replace_one) == 3);
    CHECK(steps.back() == take_over);
  }
}
