// Tests of a reload from its begin to its outcome, with numbers in the place of processes.

#include "runtime/supervisor/reload.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "fakes/recording_reporter.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using gateway::LogEvent;
using Progress = Reload::Progress;

namespace {

const Clock::time_point kStart{1h};

/// A generation whose workers start and end when the test says so.
class Numbers final : public WorkerGroup {
 public:
  Numbers(unsigned number, unsigned workers, config::ReloadStrategy strategy) : number_(number) {
    numbers.workers = numbers.most_workers = workers;
    numbers.strategy = strategy;
  }
  static Numbers serving(unsigned number, unsigned workers) {
    Numbers present(number, workers, config::ReloadStrategy::overlap);
    present.wanted_ = present.ready_ = workers;
    present.accepting = true;
    return present;
  }

  unsigned number() const noexcept override { return number_; }
  const GenerationPlan& plan() const noexcept override { return numbers; }
  unsigned wanted() const noexcept override { return wanted_; }
  unsigned ready() const noexcept override { return ready_; }
  unsigned going_on() const noexcept override { return wanted_; }
  bool any_accepting() const noexcept override { return accepting; }
  bool any_ending() const noexcept override { return ending; }
  const std::optional<std::string>& failure() const noexcept override { return failed; }
  std::string program() const override { return "/srv/venv/bin/python"; }
  void grow(unsigned workers) override { wanted_ += workers; }
  void serve() override { serves = true; }
  void establish() noexcept override { established = true; }
  void retire(unsigned workers) override {
    wanted_ -= workers;
    ready_ = std::min(ready_, wanted_);
    ending = workers > 0;
  }

  void close_listeners() noexcept override { listens = false; }

  void start_all() { ready_ = wanted_; }

  GenerationPlan numbers;
  bool accepting = false;
  bool ending = false;
  bool serves = false;
  bool established = false;
  bool listens = true;
  std::optional<std::string> failed;

 private:
  unsigned number_;
  unsigned wanted_ = 0;
  unsigned ready_ = 0;
};

/// A reload of `workers` workers. Nobody waits for it: see callers_test.cpp.
struct Reloading {
  explicit Reloading(config::ReloadStrategy strategy = config::ReloadStrategy::overlap,
                     unsigned workers = 3)
      : present(Numbers::serving(4, workers)), next(5, workers, strategy) {}

  Reload begin() { return {present, next, Callers(nullptr), reporter, kStart}; }

  Numbers present;
  Numbers next;
  test::RecordingReporter reporter;
};

}  // namespace

TEST_SUITE("reload") {
  TEST_CASE("at once: all workers start, then take over, and it ends when the former ones know") {
    Reloading all;
    Reload reload = all.begin();
    CHECK(reload.advance(kStart) == Progress::under_way);
    CHECK(all.next.wanted() == 3);
    CHECK(reload.advance(kStart) == Progress::under_way);
    CHECK(all.next.wanted() == 3);
    CHECK_FALSE(all.next.serves);
    CHECK(all.present.going_on() == 3);
    CHECK_FALSE(reload.due());

    all.next.start_all();
    CHECK(reload.serving_early() == 0);
    CHECK(reload.advance(kStart + 1s) == Progress::taken_over);
    CHECK(all.next.established);
    CHECK(all.next.serves);
    CHECK(all.present.going_on() == 0);
    CHECK(all.reporter.lines().empty());

    CHECK(reload.advance(kStart + 2s) == Progress::under_way);  // they still take connections
    CHECK(all.present.listens);
    all.present.accepting = false;
    CHECK(reload.advance(kStart + 3s) == Progress::finished);
    CHECK_FALSE(all.present.listens);
    CHECK(all.next.listens);
    REQUIRE(all.reporter.lines().size() == 1);
    CHECK(all.reporter.count(LogEvent::reload_finished, {"3.0 s", "generation 5", "3 workers"}) ==
          1);
  }

  TEST_CASE(
      "former workers that do not say that they know are waited for no longer than patience") {
    Reloading all;
    Reload reload = all.begin();
    reload.advance(kStart);
    all.next.start_all();
    REQUIRE(reload.advance(kStart) == Progress::taken_over);
    const Clock::time_point end = kStart + Reload::kFormerPatience;
    CHECK(reload.due() == end);
    CHECK(reload.advance(end - 1ms) == Progress::under_way);
    CHECK(reload.advance(end) == Progress::finished);
  }

  TEST_CASE("worker by worker: those that are ready serve, and each waits for the end of one") {
    Reloading all(config::ReloadStrategy::rolling);
    Reload reload = all.begin();
    for (unsigned replaced = 1; replaced <= 2; ++replaced) {
      CAPTURE(replaced);
      CHECK(reload.advance(kStart) == Progress::under_way);
      CHECK(all.next.wanted() == replaced);
      CHECK(reload.serving_early() == replaced - 1);
      CHECK(reload.advance(kStart) == Progress::under_way);
      CHECK(all.next.wanted() == replaced);
      all.next.start_all();
      CHECK(reload.advance(kStart) == Progress::under_way);
      CHECK(all.next.serves);
      CHECK_FALSE(all.next.established);
      CHECK(all.present.going_on() == 3 - replaced);
      CHECK(reload.serving_early() == replaced);
      CHECK(reload.advance(kStart) == Progress::under_way);
      CHECK(all.next.wanted() == replaced);
      all.present.ending = false;
    }
    CHECK(reload.advance(kStart) == Progress::under_way);
    all.next.start_all();
    CHECK(reload.advance(kStart) == Progress::taken_over);
    CHECK(reload.serving_early() == 0);  // they are no longer early
    CHECK(all.present.going_on() == 0);
  }

  TEST_CASE("a failure of the next generation discards it, and brings back what was replaced") {
    Reloading all(config::ReloadStrategy::rolling);
    Reload reload = all.begin();
    reload.advance(kStart);
    all.next.start_all();
    reload.advance(kStart);
    REQUIRE(all.present.wanted() == 2);
    all.next.failed = "worker 2 failed at import_application: broken\nTraceback: a line";
    CHECK(reload.advance(kStart) == Progress::discarded);
    CHECK(all.present.wanted() == 3);
    CHECK(all.next.wanted() == 0);
    CHECK_FALSE(all.next.established);
    REQUIRE(all.reporter.lines().size() == 1);
    CHECK(all.reporter.count(LogEvent::reload_refused,
                             {"generation 4", "worker 2 failed at import_application: broken"}) ==
          1);
    CHECK(all.reporter.count(LogEvent::reload_refused, {"Traceback"}) == 0);
  }

  TEST_CASE("a failure counts until the take-over, and not after it") {
    Reloading all;
    Reload reload = all.begin();
    reload.advance(kStart);
    all.next.start_all();
    REQUIRE(reload.advance(kStart) == Progress::taken_over);
    all.next.failed = "too late";
    all.present.accepting = false;
    CHECK(reload.advance(kStart) == Progress::finished);
  }

  TEST_CASE(
      "the next generation gets as many workers as the present one needs, within its limits") {
    struct Row {
      unsigned present, least, most, wanted;
    };
    for (const Row& row :
         {Row{5, 2, 8, 5}, {1, 2, 8, 2}, {9, 2, 8, 8}, {5, 4, 4, 4}, {0, 1, 1, 1}}) {
      CAPTURE(row.present);
      CAPTURE(row.most);
      Reloading all(config::ReloadStrategy::overlap, row.present);
      all.next.numbers.workers = row.least;
      all.next.numbers.most_workers = row.most;
      Reload reload = all.begin();
      reload.advance(kStart);
      CHECK(all.next.wanted() == row.wanted);
    }
  }
}
