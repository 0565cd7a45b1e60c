// Tests that each setting reaches a generation's plan.

#include "runtime/supervisor/plan_settings.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;

namespace {

/// Each with a value that no other has, so that none can be in another's place.
config::Settings distinct() {
  config::Settings settings;
  settings.workers = {2, 3};
  settings.threads = 4;
  settings.queue = 77;
  settings.scale_up_wait = 5ms;
  settings.scale_down_idle = 6ms;
  settings.graceful_timeout = 7ms;
  settings.exit_timeout = 8ms;
  settings.start_timeout = 9ms;
  settings.max_requests = 10;
  settings.max_requests_jitter = 11;
  settings.max_lifetime = 120ms;
  settings.max_memory = 13;
  settings.heartbeat = 14ms;
  settings.max_crashes = config::MaxCrashes{15, 16ms};
  settings.slow_request = 17ms;
  settings.request_timeout = 18ms;
  settings.timeout_grace = 19ms;
  settings.queue_timeout = 20ms;
  return settings;
}

}  // namespace

TEST_SUITE("plan settings") {
  TEST_CASE("every setting of a generation reaches its place") {
    const GenerationPlan plan = make_plan(distinct());
    CHECK(plan.workers == 2);
    CHECK(plan.most_workers == 3);
    CHECK(plan.threads == 4);
    CHECK(plan.queue == 77);
    CHECK(plan.scale_down_idle == 6ms);
    CHECK(plan.graceful_timeout == 7ms);
    CHECK(plan.exit_timeout == 8ms);
    CHECK(plan.start_timeout == 9ms);
    CHECK(plan.recycling.requests == 10);
    CHECK(plan.recycling.requests_jitter == 11);
    CHECK(plan.recycling.lifetime == 120ms);
    CHECK(plan.recycling.lifetime_jitter == 12ms);
    CHECK(plan.recycling.memory == 13);
    CHECK(plan.heartbeat == 14ms);
    REQUIRE(plan.max_crashes);
    CHECK(plan.max_crashes->crashes == 15);
    CHECK(plan.max_crashes->within == 16ms);
  }

  TEST_CASE("only with one developer there is a limit for retired workers") {
    config::Settings settings = distinct();
    CHECK_FALSE(make_plan(settings).retired_limit);
    settings.development = true;
    CHECK(make_plan(settings).retired_limit == 7ms);
  }

  TEST_CASE("the master forks the workers, or with --preload a zygote does") {
    config::Settings settings = distinct();
    CHECK(make_plan(settings).origin == Origin::master);
    for (const auto preload : {config::Preload::on, config::Preload::force}) {
      settings.preload = preload;
      CHECK(make_plan(settings).origin == Origin::zygote);
      CHECK_FALSE(make_inherited_plan(settings).can_start_workers());
    }
  }

  TEST_CASE("a reload is as it is chosen") {
    config::Settings settings = distinct();
    settings.reload_strategy = config::ReloadStrategy::overlap;
    CHECK(make_plan(settings).strategy == config::ReloadStrategy::overlap);
    settings.reload_strategy = config::ReloadStrategy::rolling;
    CHECK(make_plan(settings).strategy == config::ReloadStrategy::rolling);
  }

  TEST_CASE("any number of deaths is borne where none is set") {
    config::Settings settings = distinct();
    settings.max_crashes.reset();
    CHECK_FALSE(make_plan(settings).max_crashes);
  }

  TEST_CASE("what runs already has the times that are set now, and is not replaced") {
    const GenerationPlan plan = make_inherited_plan(distinct());
    CHECK(plan.graceful_timeout == 7ms);
    CHECK(plan.exit_timeout == 8ms);
    CHECK(plan.start_timeout == 9ms);
    CHECK_FALSE(plan.recycling.any());
    CHECK_FALSE(plan.scales());
    CHECK_FALSE(plan.max_crashes);
  }

  TEST_CASE("there is a place for each replacement, of a quarter at a time") {
    config::Settings settings;
    const auto places_of = [&settings](unsigned least, unsigned most) {
      settings.workers = {least, most};
      return places(settings);
    };
    CHECK(places_of(1, 1) == 2);
    CHECK(places_of(4, 4) == 5);
    CHECK(places_of(5, 5) == 7);
    CHECK(places_of(1, 8) == 10);
  }
}
