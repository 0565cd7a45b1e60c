// Tests of recycling, scaling and the replacement of stuck workers, without processes.

#include "runtime/supervisor/upkeep.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "fakes/recording_reporter.hpp"
#include "ready_workers.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using gateway::LogEvent;

namespace {

/// Workers that are ready, and their upkeep by a plan.
struct Kept {
  Kept(unsigned ready, unsigned places, GenerationPlan with = {})
      : plan(with), scoreboard(places, 1), workers(places) {
    plan.origin = Origin::master;
    make_ready(workers, ready);
    upkeep.emplace(plan, scoreboard, workers, reporter);
    for (unsigned index = 0; index < ready; ++index) {
      upkeep->monitor().on_ready(*workers.at(index).process, index, kStart);
    }
  }
  void use_up(unsigned index) { scoreboard.worker(index)[0].requests.fetch_add(1); }
  /// The text that was reported last, which tells that event; "" if nothing is.
  std::string last(LogEvent event) const {
    const auto lines = reporter.lines();
    if (lines.empty()) return "";
    CHECK(lines.back().event == event);
    return lines.back().text;
  }

  GenerationPlan plan;
  ipc::Scoreboard scoreboard;
  WorkerSlots workers;
  test::RecordingReporter reporter;
  std::optional<Upkeep> upkeep;
};

GenerationPlan with_max_requests() {
  GenerationPlan plan;
  plan.recycling.requests = 1;
  return plan;
}

GenerationPlan scaling(unsigned least, unsigned most) {
  GenerationPlan plan;
  plan.workers = least;
  plan.most_workers = most;
  plan.scale_down_idle = 10s;
  return plan;
}

}  // namespace

TEST_SUITE("upkeep") {
  TEST_CASE("a look is due at once, then after an interval; never without anything to look for") {
    Kept idle(1, 2);
    CHECK_FALSE(idle.upkeep->is_look_due(kStart));
    CHECK_FALSE(idle.upkeep->due());

    Kept kept(1, 2, with_max_requests());
    CHECK(kept.upkeep->is_look_due(kStart));
    const auto next = kStart + kept.upkeep->monitor().interval();
    CHECK(kept.upkeep->due() == next);
    CHECK_FALSE(kept.upkeep->is_look_due(next - 1ms));
    CHECK(kept.upkeep->is_look_due(next));
  }

  TEST_CASE("a worker that has been used enough is replaced, with the reason") {
    Kept kept(1, 2, with_max_requests());
    Slot& worker = kept.workers.at(0);
    kept.upkeep->recycle_if_due(worker, kStart);
    CHECK(kept.workers.at(0).life.wanted());
    kept.use_up(0);
    const auto reason = kept.upkeep->monitor().recycling_reason(worker, kStart);
    REQUIRE(reason);
    kept.upkeep->recycle_if_due(worker, kStart);
    CHECK_FALSE(worker.life.wanted());
    CHECK(kept.workers.at(1).replaces == 0u);
    // What follows the reason is measured anew each time: how the memory grew.
    const std::string why = reason->substr(0, reason->find(';'));
    CHECK(test::has_fields(kept.last(LogEvent::worker_recycled), {"worker 1", why}));
    kept.upkeep->recycle_if_due(worker, kStart);
    CHECK(kept.reporter.lines().size() == 1);
  }

  TEST_CASE("without a free slot a worker goes on, and nothing is said") {
    Kept kept(1, 1, with_max_requests());
    kept.use_up(0);
    kept.upkeep->recycle_if_due(kept.workers.at(0), kStart);
    CHECK(kept.workers.at(0).life.wanted());
    CHECK(kept.reporter.lines().empty());
  }

  TEST_CASE("no more than a quarter is replaced at a time, but one may always be") {
    for (const auto& row : {std::pair{1u, 1u}, {7u, 1u}, {8u, 2u}, {12u, 3u}}) {
      const unsigned workers = row.first;
      const unsigned at_once = row.second;
      CAPTURE(workers);
      Kept kept(workers, 2 * workers, with_max_requests());
      for (unsigned index = 0; index < workers; ++index) {
        kept.use_up(index);
        kept.upkeep->recycle_if_due(kept.workers.at(index), kStart);
      }
      CHECK(kept.workers.being_replaced() == at_once);
      CHECK(kept.workers.wanted() == workers);
    }
  }

  TEST_CASE("one more worker is wanted when requests wait, up to the most") {
    Kept kept(1, 3, scaling(1, 2));
    kept.upkeep->on_overloaded(kStart);
    CHECK(kept.workers.wanted() == 2);
    CHECK(test::numbers_in(kept.last(LogEvent::scaling_up)) == std::vector<double>{2, 2});
    kept.upkeep->on_overloaded(kStart);
    CHECK(kept.workers.wanted() == 2);
    CHECK(kept.reporter.lines().size() == 1);
  }

  TEST_CASE("no more workers are wanted where none can be started") {
    Kept kept(1, 3, scaling(1, 2));
    kept.plan.origin = Origin::inherited;
    kept.upkeep->on_overloaded(kStart);
    CHECK(kept.workers.wanted() == 1);
    CHECK(kept.reporter.lines().empty());
  }

  TEST_CASE("the last worker ends when one fewer has been enough for long") {
    Kept kept(3, 3, scaling(1, 3));
    CHECK(kept.upkeep->find_superfluous(kStart) == nullptr);
    CHECK(kept.upkeep->find_superfluous(kStart + 9s) == nullptr);
    CHECK(kept.upkeep->find_superfluous(kStart + 10s) == &kept.workers.at(2));
    const std::string said = kept.last(LogEvent::scaling_down);
    CHECK(test::has_fields(said, {"worker 3", "2", "1"}));
    Kept fixed(3, 3, scaling(1, 1));  // although there are more
    fixed.upkeep->find_superfluous(kStart);
    CHECK(fixed.upkeep->find_superfluous(kStart + 1h) == nullptr);
  }

  TEST_CASE("one that is stuck gets a replacement at once, if there is a slot for it") {
    for (const unsigned places : {1u, 2u}) {
      CAPTURE(places);
      Kept kept(1, places);
      Slot& worker = kept.workers.at(0);
      kept.upkeep->on_stuck(worker, "a call does not end", kStart);
      CHECK(worker.life.wanted() == (places == 1));
      CHECK(kept.workers.wanted() == 1);
      CHECK(kept.workers.being_replaced() == 0);
      CHECK(
          test::has_fields(kept.last(LogEvent::worker_stuck), {"worker 1", "a call does not end"}));
    }
  }

  TEST_CASE("a stuck worker of another program, or one that ends already, has none") {
    Kept kept(1, 2);
    kept.plan.origin = Origin::inherited;
    kept.upkeep->on_stuck(kept.workers.at(0), "a call does not end", kStart);
    CHECK(kept.workers.wanted() == 1);
    CHECK(kept.workers.at(0).life.wanted());
    kept.plan.origin = Origin::master;
    retire(kept.workers.at(0));
    kept.upkeep->on_stuck(kept.workers.at(0), "a call does not end", kStart);
    CHECK(kept.workers.wanted() == 0);
  }
}
