// Tests of a master that reloads: the next generation, strategies, refusals and stops.

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "runtime/support/exit_code.hpp"
#include "supervised.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using gateway::Level;
using gateway::LogEvent;
using ipc::Scoreboard;
using ipc::WorkerLink;
using Kind = ipc::WorkerMessage::Kind;

namespace {

constexpr unsigned kThreads = 2;

}  // namespace

TEST_SUITE("master") {
  TEST_CASE("SIGHUP: the next generation is ready before the present one drains") {
    Supervised master({2, 30s}, kThreads, serve_all);
    master.wait_for_start();
    master.send(SIGHUP);
    master.wait_for(LogEvent::reload_started);
    master.wait_for_note("on_reloading");
    master.wait_for(LogEvent::worker_prepared);
    master.wait_for(LogEvent::worker_prepared);
    CHECK(master.count_ends_so_far() == 0);
    master.wait_for(LogEvent::worker_stopped, {"code 0"});
    master.wait_for(LogEvent::worker_stopped, {"code 0"});
    master.wait_for(LogEvent::reload_finished, {"generation 2", "2 workers"});
    master.wait_for_note("on_reloaded: taken over");
    CHECK(master.count_notes("on_stopping") == 0);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_started) == 4);
    CHECK(master.count(LogEvent::worker_stopped, {"code 0"}) == 4);
    CHECK(master.count(LogEvent::worker_killed) == 0);
    CHECK(master.count(Level::warning) == 0);
  }

  TEST_CASE("a generation that cannot start is discarded, and the present one goes on") {
    Supervised master({2, 30s, config::ReloadStrategy::overlap, false, 1}, kThreads, serve_all);
    const pid_t first = pid_in(master.wait_for(LogEvent::worker_started, {"worker 1"}));
    master.wait_for_start();
    master.send(SIGHUP);
    CHECK(master
              .wait_for(LogEvent::worker_start_failed,
                        {"worker 2", "import_application", "No module named 'app'"})
              .ends_with("\nTraceback: a line"));
    master.wait_for(LogEvent::reload_refused,
                    {"generation 1", "worker 2", "import_application", "No module named 'app'"});
    master.wait_for_note("on_reloaded: given up");
    master.wait_for(LogEvent::worker_stopped, {"code 0"});  // the one that could start
    CHECK(::kill(first, 0) == 0);
    master.send(SIGHUP);
    master.wait_for_note("on_reloaded: given up");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_started) == 6);
    CHECK(master.count(LogEvent::worker_backoff) == 0);
  }

  TEST_CASE("a configuration that is refused changes nothing") {
    Supervised master({2, 30s, config::ReloadStrategy::overlap, true}, kThreads, serve_all);
    master.wait_for_start();
    master.send(SIGHUP);
    master.wait_for(LogEvent::reload_refused, {"a bad configuration"});
    master.wait_for_note("on_reloaded: given up");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_started) == 2);
  }

  TEST_CASE("a rolling reload has one worker more than usual") {
    Supervised master({3, 30s, config::ReloadStrategy::rolling}, kThreads, serve_all);
    master.wait_for_start();
    master.send(SIGHUP);
    for (int i = 0; i < 2; ++i) {
      master.wait_for(LogEvent::worker_started);
      master.wait_for(LogEvent::worker_prepared);
      master.wait_for(LogEvent::worker_stopped, {"code 0"});
    }
    master.wait_for(LogEvent::worker_started);
    master.wait_for(LogEvent::worker_prepared);
    master.wait_for(LogEvent::reload_finished);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_started) == 6);
    CHECK(master.count(LogEvent::worker_stopped, {"code 0"}) == 6);
  }

  TEST_CASE("a rolling reload that fails half-way brings the replaced workers back") {
    Supervised master({3, 30s, config::ReloadStrategy::rolling, false, 1}, kThreads, serve_all);
    master.wait_for_start();
    master.send(SIGHUP);
    master.wait_for(LogEvent::worker_stopped, {"code 0"});
    master.wait_for(LogEvent::reload_refused);
    master.wait_for_note("on_reloaded: given up");
    master.wait_for(LogEvent::worker_ready);
    master.wait_for_note("on_turn: 3 ready");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    // Three, one of the second generation, the broken one, and one that came back.
    CHECK(master.count(LogEvent::worker_started) == 6);
  }

  TEST_CASE("a reload is told when the former workers take no more connections") {
    const auto says_late = [](unsigned, WorkerLink link, Scoreboard&) {
      sigset_t usr1;
      ::sigemptyset(&usr1);
      ::sigaddset(&usr1, SIGUSR1);
      ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
      link.send({Kind::ready, {}, {}});
      if (wait_for_order(link) != 0) return 1;
      int signal = 0;
      ::sigwait(&usr1, &signal);
      link.send({Kind::retired, {}, {}});
      ::sigwait(&usr1, &signal);
      return 0;
    };
    Supervised master({}, kThreads, says_late);
    const pid_t former = pid_in(master.wait_for(LogEvent::worker_started, {"worker 1"}));
    master.wait_for_start();
    master.send(SIGHUP);
    const pid_t latter = pid_in(master.wait_for(LogEvent::worker_started, {"worker 1"}));
    master.wait_for(LogEvent::worker_prepared);
    ::usleep(300'000);  // which the reload is to take
    ::kill(former, SIGUSR1);
    const double seconds = test::numbers_in(master.wait_for(LogEvent::reload_finished), "s").at(0);
    CHECK(seconds >= 0.3);
    CHECK(seconds < 4.9);                    // otherwise it was patience
    CHECK(master.count_ends_so_far() == 0);  // what still runs is not waited for
    ::kill(former, SIGUSR1);
    master.send(SIGTERM);
    for (int i = 0; i < 2; ++i) ::kill(latter, SIGUSR1);
    master.wait_for(LogEvent::worker_stopped, {"code 0"});
    master.send(SIGQUIT);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("SIGHUP during a reload leads to one more") {
    Supervised master({1, 30s}, kThreads, serve_all);
    master.wait_for_start();
    master.send(SIGHUP);
    master.wait_for(LogEvent::reload_started);
    master.send(SIGHUP);
    master.wait_for(LogEvent::reload_finished, {"generation 2"});
    master.wait_for(LogEvent::reload_finished, {"generation 3"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::reload_started) == 2);
  }

  TEST_CASE("SIGTERM during a reload ends both generations, killing what hangs") {
    const auto never_end = [](unsigned, WorkerLink link, Scoreboard&) {
      link.send({Kind::ready, {}, {}});
      wait_for_order(link);
      link.send({Kind::retired, {}, {}});
      return hang(std::move(link));
    };
    Supervised master({1, 100ms}, kThreads, never_end);
    master.wait_for_start();
    master.send(SIGHUP);
    master.wait_for(LogEvent::reload_finished);  // the retired worker hangs
    master.send(SIGHUP);
    master.wait_for(LogEvent::reload_finished);
    CHECK(master.count(LogEvent::worker_killed) == 0);  // it may take as long as it needs
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_killed) == 3);
  }
}
