// Tests of the deadlines' decisions with a fake clock.

#include "runtime/pool/deadline_watch.hpp"

#include <doctest/doctest.h>

#include <ostream>
#include <vector>

namespace appd::pool {

std::ostream& operator<<(std::ostream& out, DeadlineEvent event) {
  return out << static_cast<int>(event);
}

namespace {

using namespace std::chrono_literals;
using Clock = DeadlineWatch::Clock;
using enum DeadlineEvent;

constexpr DeadlineLimits kLimits{5s, 55s, 7s};
constexpr Clock::time_point kStart{1000s};

DeadlineWatch::View running(std::uint32_t request = 2, std::uint32_t progress = 0,
                            bool waits = false) {
  return {true, request, kStart, progress, waits};
}

/// Looks until nothing is left to do.
std::vector<DeadlineEvent> look(DeadlineWatch& watch, const DeadlineWatch::View& view,
                                Clock::duration at) {
  std::vector<DeadlineEvent> events;
  for (int i = 0; i < 10; ++i) {
    const DeadlineEvent event = watch.look(view, kStart + at);
    if (event == none) return events;
    events.push_back(event);
  }
  FAIL("endless events");
  return events;
}

using Events = std::vector<DeadlineEvent>;

}  // namespace

TEST_SUITE("deadline watch") {
  TEST_CASE("a request that stands still is slow, then overdue, then stuck, each once") {
    DeadlineWatch watch(kLimits);
    CHECK(look(watch, running(), 0s) == Events{});
    CHECK(look(watch, running(), 5s - 1ns) == Events{});
    CHECK(look(watch, running(), 5s) == Events{slow});
    CHECK(look(watch, running(), 6s) == Events{});
    CHECK(look(watch, running(), 55s - 1ns) == Events{});
    CHECK(look(watch, running(), 55s) == Events{overdue});
    CHECK(look(watch, running(), 62s - 1ns) == Events{});
    CHECK(look(watch, running(), 62s) == Events{stuck});
    CHECK(look(watch, running(), 1000s) == Events{});
    CHECK(look(watch, {}, 1001s) == Events{});
  }

  TEST_CASE("the time of a request that was not seen before counts from its start") {
    DeadlineWatch watch(kLimits);
    CHECK(look(watch, running(), 5s) == Events{slow});
    CHECK(watch.still_since() == kStart);
  }

  TEST_CASE("the next request of the thread has a time of its own") {
    DeadlineWatch watch(kLimits);
    CHECK(look(watch, running(2), 55s) == Events{overdue});
    DeadlineWatch::View next = running(4);
    next.started = kStart + 56s;
    CHECK(look(watch, next, 60s) == Events{});
    CHECK(look(watch, next, 61s) == Events{slow});
    CHECK(look(watch, {}, 62s) == Events{});
    CHECK(look(watch, running(6), 5s) == Events{slow});
  }

  TEST_CASE("each progress begins the time anew, from the look that saw it") {
    DeadlineWatch watch(kLimits);
    look(watch, running(2, 0), 1s);
    CHECK(look(watch, running(2, 1), 54s) == Events{});
    CHECK(watch.still_since() == kStart + 54s);
    CHECK(look(watch, running(2, 1), 59s) == Events{slow});
    CHECK(look(watch, running(2, 2), 100s) == Events{});
    CHECK(look(watch, running(2, 2), 154s) == Events{});  // slow is said once
    CHECK(look(watch, running(2, 2), 155s) == Events{overdue});
  }

  TEST_CASE("progress of a request that is first seen with it counts as of now") {
    DeadlineWatch watch(kLimits);
    CHECK(look(watch, running(2, 9), 54s) == Events{});
    CHECK(look(watch, running(2, 9), 59s) == Events{slow});
  }

  TEST_CASE("an overdue request that goes on is overdue again when it stands still once more") {
    DeadlineWatch watch(kLimits);
    CHECK(look(watch, running(2, 0), 55s) == Events{overdue});
    CHECK(look(watch, running(2, 1), 61s) == Events{});
    CHECK(look(watch, running(2, 1), 70s) == Events{});
    CHECK(look(watch, running(2, 1), 116s) == Events{overdue});
    CHECK(look(watch, running(2, 1), 123s) == Events{stuck});
    CHECK(look(watch, running(2, 2), 124s) == Events{});
    CHECK(look(watch, running(2, 2), 1000s) == Events{});
  }

  TEST_CASE("the time in which the front is waited for does not count") {
    DeadlineWatch watch(kLimits);
    CHECK(look(watch, running(2, 0, true), 100s) == Events{});
    CHECK(look(watch, running(2, 0, true), 200s) == Events{});
    CHECK(look(watch, running(2, 1, false), 201s) == Events{});
    CHECK(look(watch, running(2, 1, false), 206s) == Events{slow});
    CHECK(look(watch, running(2, 1, true), 300s) == Events{});
    CHECK(look(watch, running(2, 2, false), 301s) == Events{});
    CHECK(look(watch, running(2, 2, false), 356s) == Events{overdue});
  }

  TEST_CASE("a limit of 0 is none") {
    DeadlineWatch unlimited({5s, 0s, 7s});
    CHECK(look(unlimited, running(), 10'000s) == Events{slow});
    DeadlineWatch silent({0s, 55s, 7s});
    CHECK(look(silent, running(), 54s) == Events{});
    CHECK(look(silent, running(), 55s) == Events{overdue});
    CHECK(look(silent, running(), 62s) == Events{stuck});
    DeadlineWatch patient({5s, 55s, 0s});
    CHECK(look(patient, running(), 55s) == Events{overdue});
    CHECK(look(patient, running(), 10'000s) == Events{});
  }

  TEST_CASE("a request that is overdue at once is not reported as slow beside") {
    DeadlineWatch watch({5s, 3s, 7s});
    CHECK(look(watch, running(), 6s) == Events{overdue});
    CHECK(look(watch, running(), 7s) == Events{});
  }

  TEST_CASE("an idle thread is looked at when its next request could be due, and no sooner") {
    for (const auto& [limits, wait] :
         {std::pair{kLimits, 5s}, std::pair{DeadlineLimits{0s, 9s, 1s}, 9s},
          std::pair{DeadlineLimits{8s, 6s, 1s}, 6s}}) {
      DeadlineWatch watch(limits);
      CHECK(watch.next_look(kStart) == kStart + wait);
      look(watch, running(), 1s);
      look(watch, {}, 2s);
      CHECK(watch.next_look(kStart + 2s) == kStart + 2s + wait);
    }
  }

  TEST_CASE("a thread that runs a request is looked at often, and just when something is due") {
    DeadlineWatch watch(kLimits);
    look(watch, running(), 1s);
    CHECK(watch.next_look(kStart + 1s) == kStart + 1s + 625ms);
    CHECK(watch.next_look(kStart + 4900ms) == kStart + 5s);
    CHECK(watch.next_look(kStart + 9s) == kStart + 9s);
    look(watch, running(), 5s);
    CHECK(watch.next_look(kStart + 5s) == kStart + 5s + 625ms);
    CHECK(watch.next_look(kStart + 54900ms) == kStart + 55s);
    look(watch, running(), 56s);
    CHECK(watch.next_look(kStart + 62900ms) == kStart + 63s);
    look(watch, running(), 63s);
    CHECK(watch.next_look(kStart + 63s) == kStart + 63s + 625ms);
    DeadlineWatch slow({3600s, 0s, 0s});
    look(slow, running(), 1s);
    CHECK(slow.next_look(kStart + 1s) == kStart + 2s);
    DeadlineWatch fast({2ms, 0s, 0s});
    look(fast, running(), 0s);
    CHECK(fast.next_look(kStart) == kStart + 1ms);
  }
}

}  // namespace appd::pool
