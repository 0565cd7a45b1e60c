// Tests of a slot's states with a fake clock.

#include "runtime/supervisor/slot_lifecycle.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <vector>

using namespace appd::supervisor;
using namespace std::chrono_literals;

namespace {

const Clock::time_point kStart{};
constexpr auto kGrace = 30s;

struct Life {
  Life() { slot.want(kStart); }

  SlotLifecycle slot;
  Clock::time_point now = kStart;
  std::optional<std::chrono::nanoseconds> limit{};

  SlotAction tick(Clock::duration passed = 0s) { return slot.on_tick(now += passed); }
  void start() {
    REQUIRE(tick() == SlotAction::start);
    slot.on_started(now, limit);
  }
  void start_and_serve(Clock::duration served) {
    start();
    slot.on_ready(now);
    now += served;
  }
};

// A slot in each of the states that have a process.
Life starting() {
  Life life;
  life.start();
  return life;
}
Life ready() {
  Life life;
  life.start_and_serve(1s);
  return life;
}
Life draining() {
  Life life = ready();
  life.slot.retire(life.now, kGrace);
  return life;
}

}  // namespace

TEST_SUITE("slot lifecycle") {
  TEST_CASE("a new slot starts a worker at once, and only one") {
    Life life;
    CHECK(life.slot.due() == kStart);
    life.start();
    CHECK(life.slot.state() == SlotState::starting);
    CHECK(life.slot.due() == std::nullopt);
    CHECK(life.tick(1h) == SlotAction::none);
  }

  TEST_CASE("a slot whose process cannot be started now waits until it can") {
    Life life;
    CHECK(life.slot.due(false) == std::nullopt);
    CHECK(life.slot.on_tick(life.now += 1h, false) == SlotAction::none);
    CHECK(life.slot.due(true) == kStart);
    CHECK(life.slot.on_tick(life.now, true) == SlotAction::start);
  }

  TEST_CASE("what does not start a process does not wait for that") {
    Life life = draining();
    CHECK(life.slot.due(false) == life.now + kGrace);
    CHECK(life.slot.on_tick(life.now + kGrace, false) == SlotAction::kill);
  }

  TEST_CASE(
      "a worker that is not ready in time is asked where it was, then killed, then replaced") {
    Life life;
    life.limit = 1min;
    life.start();
    CHECK(life.slot.due() == kStart + 1min);
    CHECK(life.tick(1min - 1ns) == SlotAction::none);
    CHECK(life.tick(1ns) == SlotAction::abort_start);
    CHECK(life.slot.state() == SlotState::draining);
    CHECK(life.tick(SlotLifecycle::kStartingGrace - 1ns) == SlotAction::none);
    SUBCASE("it does not end") {
      CHECK(life.tick(1ns) == SlotAction::kill);
    }
    SUBCASE("it has become ready just then") {
      life.slot.on_ready(life.now);
      CHECK(life.slot.state() == SlotState::draining);
    }
    life.slot.on_death(life.now);
    CHECK(life.slot.state() == SlotState::waiting);
    CHECK(life.tick() == SlotAction::start);
  }

  TEST_CASE("a worker that is ready in time has no limit any more") {
    Life life;
    life.limit = 1min;
    life.start_and_serve(1h);
    CHECK(life.slot.due() == std::nullopt);
    CHECK(life.tick() == SlotAction::none);
  }

  TEST_CASE("a worker that is to end while it starts has the shortest of all times") {
    for (const auto limit : {Clock::duration(1min), Clock::duration(1s)}) {
      Life told, cut_off;
      for (Life* life : {&told, &cut_off}) {
        life->limit = limit;
        life->start();
      }
      CHECK(told.slot.retire(told.now, kGrace) == SlotAction::order_drain);
      CHECK(told.slot.due() ==
            kStart + std::min<Clock::duration>(limit, SlotLifecycle::kStartingGrace));
      cut_off.slot.on_link_lost(cut_off.now, kGrace);
      CHECK(cut_off.slot.due() == kStart + std::min<Clock::duration>(limit, kGrace));
    }
  }

  TEST_CASE("a worker that is asked where it is ends, by force if need be") {
    for (Life life : {starting(), ready()}) {
      CHECK(life.slot.abort(life.now) == SlotAction::abort_start);
      CHECK(life.slot.abort(life.now) == SlotAction::none);
      CHECK(life.tick(SlotLifecycle::kStartingGrace) == SlotAction::kill);
      CHECK(life.slot.abort(life.now) == SlotAction::none);
      life.slot.on_death(life.now);
      CHECK(life.slot.state() == SlotState::waiting);
      CHECK(life.slot.abort(life.now) == SlotAction::none);
    }
    Life life = draining();  // it ends already
    CHECK(life.slot.abort(life.now) == SlotAction::none);
    CHECK(life.slot.due() == life.now + kGrace);
  }

  TEST_CASE("a worker that exits is asked where it is when that takes too long, then killed") {
    for (Life life : {ready(), draining()}) {
      const bool served = life.slot.state() == SlotState::ready;
      life.slot.on_exiting(life.now, 1s);
      CHECK(life.slot.state() == SlotState::exiting);
      CHECK(life.slot.abort(life.now) == SlotAction::none);
      CHECK(life.tick(1s - 1ns) == SlotAction::none);
      CHECK(life.tick(1ns) == SlotAction::abort_exit);
      CHECK(life.tick(SlotLifecycle::kStartingGrace) == SlotAction::kill);
      life.slot.on_death(life.now);
      CHECK(life.slot.state() == (served ? SlotState::waiting : SlotState::retired));
    }
  }

  TEST_CASE("what a worker may take to exit and the time of a stop bound each other") {
    Life first_exits = draining();
    first_exits.slot.on_exiting(first_exits.now, kGrace + 1s);
    CHECK(first_exits.slot.due() == first_exits.now + kGrace);
    Life exits_for_ever = draining();
    exits_for_ever.slot.on_exiting(exits_for_ever.now, std::nullopt);
    CHECK(exits_for_ever.slot.due() == exits_for_ever.now + kGrace);

    Life then_told = ready();
    then_told.slot.on_exiting(then_told.now, std::nullopt);
    CHECK(then_told.slot.due() == std::nullopt);
    CHECK(then_told.slot.retire(then_told.now, kGrace) == SlotAction::none);
    CHECK_FALSE(then_told.slot.wanted());
    CHECK(then_told.slot.state() == SlotState::exiting);
    CHECK(then_told.tick(kGrace) == SlotAction::abort_exit);
  }

  TEST_CASE("what is no worker that serves or ends does not exit") {
    Life life = starting();
    life.slot.on_exiting(life.now, 1s);
    CHECK(life.slot.state() == SlotState::starting);
    SlotLifecycle nobody;
    nobody.on_exiting(kStart, 1s);
    CHECK(nobody.state() == SlotState::retired);
  }

  TEST_CASE("a worker that was found exiting has a limit from then on") {
    SlotLifecycle slot;
    slot.adopt(kStart, SlotLifecycle::Found::exiting, 5s);
    CHECK_FALSE(slot.wanted());
    CHECK(slot.state() == SlotState::exiting);
    CHECK(slot.due() == kStart + 5s);
  }

  TEST_CASE("a worker that was found starting has a limit from then on") {
    SlotLifecycle slot;
    slot.adopt(kStart, SlotLifecycle::Found::starting, 5s);
    CHECK(slot.due() == kStart + 5s);
    SlotLifecycle serving;
    serving.adopt(kStart, SlotLifecycle::Found::ready, 5s);
    CHECK(serving.due() == std::nullopt);
  }

  TEST_CASE("in a crash storm starts happen at once, then after growing pauses") {
    Life life;
    std::vector<Clock::duration> pauses;
    for (int i = 0; i < 8; ++i) {
      life.start_and_serve(10ms);
      life.slot.on_death(life.now);
      const auto pause = life.slot.due().value() - life.now;
      pauses.push_back(pause);
      if (pause > 0s) {
        CHECK(life.tick(pause - 1ns) == SlotAction::none);
        life.now += 1ns;
      }
    }
    CHECK(pauses == std::vector<Clock::duration>{0s, 1s, 2s, 4s, 8s, 16s, 30s, 30s});
  }

  TEST_CASE("a worker that takes long to fail at its start died young") {
    Life life;
    life.start();
    life.slot.on_death(life.now += 1min);
    life.start();
    life.slot.on_death(life.now += 1min);
    CHECK(life.slot.due() == life.now + 1s);
  }

  TEST_CASE("the service of an earlier worker does not count for the next") {
    Life life;
    life.start_and_serve(1h);
    life.slot.on_death(life.now);
    life.start();
    life.slot.on_death(life.now);
    CHECK(life.slot.due() == life.now + 1s);
  }

  TEST_CASE("a worker that served long is replaced at once") {
    Life life;
    for (int i = 0; i < 4; ++i) {
      life.start_and_serve(1min);
      life.slot.on_death(life.now);
      CHECK(life.slot.due() == life.now);
    }
  }

  TEST_CASE("a start that fails is a death") {
    Life life;
    REQUIRE(life.tick() == SlotAction::start);
    life.slot.on_death(life.now);
    REQUIRE(life.tick() == SlotAction::start);
    life.slot.on_death(life.now);
    CHECK(life.tick() == SlotAction::none);
    CHECK(life.tick(1s) == SlotAction::start);
  }

  TEST_CASE("a retired worker drains, and is killed when its grace is over") {
    Life life = ready();
    CHECK(life.slot.retire(life.now, kGrace) == SlotAction::order_drain);
    CHECK(life.slot.state() == SlotState::draining);
    CHECK(life.tick(kGrace - 1ns) == SlotAction::none);
    CHECK(life.tick(1ns) == SlotAction::kill);
    CHECK(life.slot.state() == SlotState::killed);
    CHECK(life.tick(1h) == SlotAction::none);
    life.slot.on_death(life.now);
    CHECK(life.slot.state() == SlotState::retired);
    CHECK(life.slot.due() == std::nullopt);
  }

  TEST_CASE("a retired worker that ends in time is not replaced") {
    Life life = draining();
    life.slot.on_death(life.now);
    CHECK(life.slot.state() == SlotState::retired);
    CHECK(life.tick(1h) == SlotAction::none);
  }

  TEST_CASE("retiring again neither orders again nor prolongs the grace") {
    Life life = draining();
    CHECK(life.slot.retire(life.now + 10s, kGrace) == SlotAction::none);
    CHECK(life.slot.due() == life.now + kGrace);
  }

  TEST_CASE("a worker that is still starting gets less time to end") {
    Life life = starting();
    CHECK(life.slot.retire(life.now, kGrace) == SlotAction::order_drain);
    CHECK(life.slot.due() == life.now + SlotLifecycle::kStartingGrace);

    Life hurried = starting();
    hurried.slot.retire(hurried.now, 1s);
    CHECK(hurried.slot.due() == hurried.now + 1s);
  }

  TEST_CASE("a worker that becomes ready while it drains goes on draining") {
    Life life = starting();
    life.slot.retire(life.now, kGrace);
    life.slot.on_ready(life.now);
    CHECK(life.slot.state() == SlotState::draining);
  }

  TEST_CASE("retiring in a pause ends the slot without a process") {
    Life life = ready();
    life.slot.on_death(life.now);
    SUBCASE("gently") {
      CHECK(life.slot.retire(life.now, kGrace) == SlotAction::none);
    }
    SUBCASE("at once") {
      CHECK(life.slot.retire_at_once() == SlotAction::none);
    }
    CHECK(life.slot.state() == SlotState::retired);
    CHECK(life.tick(1h) == SlotAction::none);
  }

  TEST_CASE("retiring at once kills whatever lives, and once only") {
    for (Life life : {starting(), ready(), draining()}) {
      CHECK(life.slot.retire_at_once() == SlotAction::kill);
      CHECK(life.slot.retire_at_once() == SlotAction::none);
      life.slot.on_death(life.now);
      CHECK(life.slot.state() == SlotState::retired);
      CHECK(life.slot.retire_at_once() == SlotAction::none);
    }
  }

  TEST_CASE("a worker without its link is killed after the grace, and replaced") {
    for (Life life : {starting(), ready()}) {
      life.slot.on_link_lost(life.now, kGrace);
      CHECK(life.tick(kGrace) == SlotAction::kill);
      life.slot.on_death(life.now);
      CHECK(life.slot.state() == SlotState::waiting);
      CHECK(life.tick() == SlotAction::start);
    }
  }

  TEST_CASE("a lost link does not prolong a drain") {
    Life life = draining();
    life.slot.on_link_lost(life.now + 10s, kGrace);
    CHECK(life.slot.due() == life.now + kGrace);
  }

  TEST_CASE("retiring a worker that has lost its link keeps it from being replaced") {
    Life life = ready();
    life.slot.on_link_lost(life.now, 1s);
    CHECK(life.slot.retire(life.now, kGrace) == SlotAction::none);
    CHECK(life.tick(1s) == SlotAction::kill);
    life.slot.on_death(life.now);
    CHECK(life.slot.state() == SlotState::retired);
  }
}
