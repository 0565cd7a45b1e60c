// Tests of a generation's growth, replacement and end, with forked workers.

#include "runtime/supervisor/generation.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <string>
#include <utility>

#include "fakes/log_fields.hpp"
#include "fleet.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using gateway::LogEvent;
using ipc::MasterOrder;
using ipc::WorkerLink;
using support::UniqueFd;

namespace {

bool lives(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

}  // namespace

TEST_SUITE("generation") {
  TEST_CASE("nobody is wanted before it grows, and nobody serves before it is told so") {
    Fleet fleet(3);
    CHECK(fleet->wanted() == 0);
    CHECK(fleet->finished());
    fleet->grow(2);
    CHECK(fleet->wanted() == 2);
    REQUIRE(fleet.becomes_ready(2));
    CHECK_FALSE(fleet->any_accepting());
    fleet->establish();
    fleet->serve();
    CHECK(fleet->any_accepting());
    fleet->grow(1);
    REQUIRE(fleet.becomes_ready(3));
    CHECK(fleet.hears("0 serve"));
    CHECK(fleet.hears("1 serve"));
    CHECK(fleet.hears("2 serve"));  // as soon as it was ready
    fleet->stop();
    CHECK(fleet.finishes());
  }

  TEST_CASE("it grows into free places first, then where a worker still ends") {
    Fleet fleet(3, true);
    fleet->grow(1);
    REQUIRE(fleet.becomes_ready(1));
    fleet->establish();
    fleet->serve();
    fleet->retire(1);
    REQUIRE(fleet.hears("0 retire"));
    const pid_t ending = fleet.pid(1);
    fleet->grow(1);
    REQUIRE(fleet.becomes_ready(1));
    CHECK(fleet.state(1) == "ending");
    CHECK(fleet.state(2) == "ready");
    CHECK(fleet.state(3).empty());
    fleet->grow(2);
    CHECK(fleet->wanted() == 3);
    REQUIRE(fleet.becomes_ready(2));
    CHECK(fleet.state(1) == "ending");
    CHECK(fleet.state(3) == "ready");
    CHECK(fleet.pid(1) == ending);
    ::kill(ending, SIGKILL);
    REQUIRE(fleet.becomes_ready(3));
    CHECK(fleet.pid(1) != ending);
    fleet->stop();
    CHECK(fleet.finishes());
  }

  TEST_CASE("workers retire one by one, the first ones first") {
    Fleet fleet(3, true);
    fleet->grow(3);
    REQUIRE(fleet.becomes_ready(3));
    fleet->establish();
    fleet->serve();
    CHECK_FALSE(fleet->any_ending());
    for (unsigned retired = 1; retired <= 3; ++retired) {
      fleet->retire(1);
      CHECK(fleet->wanted() == 3 - retired);
      CHECK(fleet->any_ending());
      REQUIRE(fleet.hears(fmt::format("{} retire", retired - 1)));
      CHECK(fleet.diary.count(fmt::format("{} retire", retired)) == 0);
      ::kill(fleet.pid(retired), SIGKILL);
      REQUIRE(fleet.lives_until([&] { return fleet.state(retired).empty(); }));
      CHECK_FALSE(fleet->any_ending());
      CHECK(fleet.last_end == ProcessEnd::expected);
    }
    CHECK(fleet->finished());
    CHECK_FALSE(fleet->due());
  }

  TEST_CASE("nobody accepts any more when all that are retired have said so") {
    Fleet fleet(2, true);
    fleet->grow(2);
    REQUIRE(fleet.becomes_ready(2));
    fleet->serve();
    fleet->retire(2);
    CHECK(fleet->any_accepting());
    CHECK(fleet.lives_until([&] { return !fleet->any_accepting(); }));
    CHECK(fleet.state(1) == "ending");  // and goes on with its request
    fleet->stop();
    CHECK(fleet.finishes());
  }

  TEST_CASE("an order that a full link does not take is sent again") {
    for (const bool stop : {false, true}) {
      Fleet fleet(1);
      fleet->grow(1);
      REQUIRE(fleet.becomes_ready(1));
      fleet->establish();
      const pid_t pid = fleet.pid(1);
      REQUIRE(::kill(pid, SIGSTOP) == 0);
      UpgradeState upgrade_state;
      REQUIRE(fleet->export_to(upgrade_state));
      WorkerLink full(UniqueFd(::fcntl(upgrade_state.workers.at(0).link, F_DUPFD_CLOEXEC, 0)));
      while (full.send(MasterOrder::serve)) {
      }
      full.close();
      stop ? fleet->stop() : fleet->retire(1);
      fleet.turn();
      REQUIRE(::kill(pid, SIGCONT) == 0);
      CHECK(fleet.finishes());
      CHECK(fleet.diary.count(stop ? "0 drain" : "0 retire") == 1);
      CHECK(fleet.reporter.count(LogEvent::worker_killed) == 0);
    }
  }

  TEST_CASE("a retired worker is waited for no longer than the graceful timeout, but not killed") {
    Fleet fleet(1, true, 100ms);
    fleet->grow(1);
    REQUIRE(fleet.becomes_ready(1));
    fleet->establish();
    fleet->serve();
    fleet->retire(1);
    const pid_t pid = fleet.pid(1);
    REQUIRE(fleet->due());  // its master looks again then
    CHECK(*fleet->due() <= Clock::now() + 100ms);
    CHECK(fleet->any_ending());
    REQUIRE(fleet.lives_until([&] { return !fleet->any_ending(); }));
    CHECK_FALSE(fleet->due());
    fleet.turn();
    CHECK(lives(pid));
    CHECK(fleet.state(1) == "ending");
    CHECK_FALSE(fleet->finished());
    fleet->stop();
    CHECK(fleet.finishes());
    CHECK(fleet.reporter.count(LogEvent::worker_killed) == 0);
  }

  TEST_CASE("a retired worker is killed at the limit, if there is one") {
    Fleet fleet(1, true, 30s, {}, 100ms);
    fleet->grow(1);
    REQUIRE(fleet.becomes_ready(1));
    fleet->establish();
    fleet->serve();
    fleet->retire(1);
    REQUIRE(fleet->due());
    CHECK(*fleet->due() <= Clock::now() + 100ms);
    CHECK(fleet.finishes());
    CHECK(fleet.reporter.count(LogEvent::worker_killed, {"worker 1"}) == 1);
  }

  TEST_CASE("one that gives no sign of life is missed, also in a generation that never served") {
    Fleet fleet(1, true, 30s, 100ms);
    fleet->grow(1);
    REQUIRE(fleet.becomes_ready(1));
    SUBCASE("retired") {
      fleet->retire(1);
      REQUIRE(fleet.lives_until([&] { return fleet->finished(); }));
    }
    SUBCASE("still wanted: then it has failed") {
      REQUIRE(fleet.lives_until([&] { return fleet->failure().has_value(); }));
      CHECK(test::has_fields(*fleet->failure(), {"worker 1", "--heartbeat"}));
      fleet->stop();
      CHECK(fleet.finishes());
    }
    CHECK(fleet.reporter.count(LogEvent::worker_unresponsive, {"worker 1"}) >= 1);
  }

  TEST_CASE("who serves is not told so again") {
    Fleet fleet(2);
    fleet->grow(1);
    REQUIRE(fleet.becomes_ready(1));
    fleet->serve();
    fleet->grow(1);
    REQUIRE(fleet.becomes_ready(2));
    fleet->serve();
    REQUIRE(fleet.hears("1 serve"));
    fleet->retire(1);
    REQUIRE(fleet.hears("0 retire"));
    CHECK(fleet.diary.count("0 serve") == 1);
    CHECK(fleet.diary.count("1 serve") == 1);
    fleet->stop();
    CHECK(fleet.finishes());
  }

  TEST_CASE("a stop is told to all, also to those that were retired") {
    Fleet fleet(3, true);
    fleet->grow(3);
    REQUIRE(fleet.becomes_ready(3));
    fleet->serve();
    fleet->retire(1);
    REQUIRE(fleet.hears("0 retire"));
    fleet->stop();
    CHECK(fleet.finishes());
    for (const char* line : {"0 drain", "1 drain", "2 drain"}) CHECK(fleet.diary.count(line) == 1);
    CHECK(fleet.diary.count("1 retire") == 0);
  }

  TEST_CASE("what another program needs is written down behind what others have left") {
    Fleet fleet(3, true);
    fleet->grow(2);
    REQUIRE(fleet.becomes_ready(2));
    fleet->serve();
    fleet->retire(1);
    UpgradeState upgrade_state;
    upgrade_state.workers.push_back({0, 1, 2, false, true, false, 3});  // of an older generation
    REQUIRE(fleet->export_to(upgrade_state));
    REQUIRE(upgrade_state.workers.size() == 3);
    for (const unsigned i : {1u, 2u}) {
      CHECK(upgrade_state.workers[i].index == i);
      CHECK(upgrade_state.workers[i].pid == fleet.pid(i));
      CHECK(::fcntl(upgrade_state.workers[i].link, F_GETFD) >= 0);
      CHECK(upgrade_state.workers[i].inbox == 99 + static_cast<int>(i));
    }
    CHECK(upgrade_state.workers[1].link != upgrade_state.workers[2].link);
    CHECK_FALSE(upgrade_state.workers[1].ready);
    CHECK(upgrade_state.workers[1].retired);
    CHECK(upgrade_state.workers[2].ready);
    CHECK_FALSE(upgrade_state.workers[2].retired);
    fleet->stop();
    CHECK(fleet.finishes());
  }

  TEST_CASE("workers of another program serve and retire, and are never started again") {
    Fleet fleet({{0, 0, -1, true, false}, {1, 0, -1, true, false}, {2, 0, -1, false, true}});
    CHECK(fleet->number() == 7);
    CHECK_FALSE(fleet->can_start_workers());
    CHECK(fleet->wanted() == 2);
    CHECK(fleet->ready() == 2);
    CHECK(fleet->any_accepting());
    CHECK(fleet->any_ending());
    CHECK(fleet.state(3) == "ending");
    ::kill(fleet.pid(1), SIGKILL);
    // Its link may end a turn before the process has.
    REQUIRE(fleet.lives_until([&] { return fleet.last_end == ProcessEnd::crash; }));
    CHECK(fleet->ready() == 1);
    for (int i = 0; i < 10; ++i) fleet.turn();
    CHECK(fleet.state(1) == "waiting to start");
    CHECK(fleet->wanted() == 2);
    CHECK_FALSE(fleet->failure());
    fleet->retire(2);
    REQUIRE(fleet.lives_until([&] { return fleet.state(2).empty(); }));
    CHECK(fleet.diary.count("1 retire") == 1);
    CHECK(fleet.diary.count("2 retire") == 0);
    CHECK_FALSE(fleet->finished());
    fleet->stop();
    CHECK(fleet.finishes());
    CHECK(fleet.diary.count("2 drain") == 1);
  }

  TEST_CASE("no more than a quarter is replaced at the same time, but one may always be") {
    for (const auto& row : {std::pair{1u, 1u}, {3u, 1u}, {5u, 1u}, {8u, 2u}}) {
      const unsigned workers = row.first;
      const unsigned at_once = row.second;
      CAPTURE(workers);
      Fleet fleet(ShortLived{workers, 2 * workers});
      for (unsigned index = 0; index < workers; ++index) fleet.use_up(index);
      REQUIRE(
          fleet.lives_until([&] { return fleet.reporter.count(LogEvent::worker_recycled) > 0; }));
      REQUIRE(fleet.looks_again());
      CHECK(fleet.reporter.count(LogEvent::worker_recycled) == at_once);
      CHECK(fleet->wanted() == workers);
      CHECK(fleet->ready() == workers);
      fleet->stop();
      CHECK(fleet.finishes());
    }
  }

  TEST_CASE("a worker that dies before its replacement is ready is being replaced no longer") {
    Fleet fleet(ShortLived{5, 7});
    fleet.use_up(0);
    REQUIRE(fleet.lives_until([&] { return fleet.state(6) == "starting"; }));
    ::kill(fleet.pid(1), SIGKILL);
    REQUIRE(fleet.lives_until([&] { return fleet.state(1).empty(); }));
    // So that another can be, in the place that is free now.
    fleet.use_up(1);
    CHECK(fleet.hears("1 retire"));
    CHECK(fleet.state(1) == "ready");
    CHECK(fleet->wanted() == 5);
    fleet->stop();
    CHECK(fleet.finishes());
  }

  TEST_CASE("the others do not count on a worker that has died, although none takes its place") {
    Fleet fleet(2, true);
    fleet->grow(2);
    REQUIRE(fleet.becomes_ready(2));
    fleet->establish();
    fleet->serve();
    for (unsigned index = 0; index < 2; ++index) fleet.load(index).open = true;
    fleet->retire(1);
    ::kill(fleet.pid(1), SIGKILL);
    REQUIRE(fleet.lives_until([&] { return fleet.state(1).empty(); }));
    CHECK_FALSE(fleet.load(0).open);
    CHECK(fleet.load(1).open);
    fleet->stop();
    CHECK(fleet.finishes());
  }

  TEST_CASE("it leaves no process behind") {
    Fleet fleet(2, true);
    fleet->grow(2);
    REQUIRE(fleet.becomes_ready(2));
    const pid_t pids[]{fleet.pid(1), fleet.pid(2)};
    fleet.destroy();
    for (const pid_t pid : pids) CHECK_FALSE(lives(pid));
  }
}
