// Master after an upgrade: it goes on with the workers of another program.

#include <doctest/doctest.h>
#include <signal.h>

#include <string>

#include "runtime/support/exit_code.hpp"
#include "runtime/support/worker_signals.hpp"
#include "supervised.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using gateway::LogEvent;
using ipc::Scoreboard;
using ipc::WorkerLink;

TEST_SUITE("master after an upgrade") {
  TEST_CASE("the workers that are there serve until the next generation does") {
    Supervised master({.workers = 3, .inherited = {{.ready = 2}}}, 1, serve_all);
    master.wait_for(LogEvent::reload_started);
    master.wait_for(LogEvent::reload_finished, {"generation 8", "3 workers"});
    master.wait_for_note("on_reloaded: taken over");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count_notes("inherited 0 hears retire") == 1);
    CHECK(master.count_notes("inherited 1 hears retire") == 1);
    CHECK(master.count_notes("hears drain") == 0);
    CHECK(master.count(LogEvent::worker_started) == 3);
    CHECK(master.count(LogEvent::worker_stopped, {"code 0"}) == 5);
    CHECK(master.count_notes("on_turn: 2 ready") >= 1);
    CHECK(master.count(LogEvent::worker_prepared) == 3);
    CHECK(master.count_notes("on_ready") == 0);  // that was the other program's
    CHECK(master.count(LogEvent::worker_killed) == 0);
  }

  TEST_CASE("workers get the signals that they would get without an upgrade") {
    Supervised master({.inherited = {{.ready = 1}}}, 1, [](unsigned, WorkerLink link, Scoreboard&) {
      support::enter_worker_signals();
      sigset_t blocked;
      ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR2, SIGCHLD}) {
        if (::sigismember(&blocked, signal) == 1) return fail(std::move(link));
      }
      return serve(std::move(link));
    });
    master.wait_for_note("on_reloaded");
    CHECK(master.count(LogEvent::reload_finished, {"generation 8"}) == 1);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("one that was still starting serves when it is ready") {
    Supervised master({.broken_reloads = true, .inherited = {{.starting = 1}}}, 1, serve_all);
    master.wait_for_note("inherited 0 hears serve");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count_notes("inherited 0 hears drain") == 1);
  }

  TEST_CASE("a next generation that cannot start leaves them serving") {
    Supervised master({.workers = 2, .broken_worker = 1, .inherited = {{.ready = 2}}}, 1,
                      serve_all);
    master.wait_for(LogEvent::reload_refused, {"generation 7", "worker 2", "import_application"});
    master.wait_for_note("on_reloaded: given up");
    CHECK(master.count_notes("hears") == 0);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count_notes("hears drain") == 2);
    CHECK(master.count(LogEvent::reload_started) == 1);
  }

  TEST_CASE("when one of them dies after that, the next generation is tried again") {
    Supervised master({.workers = 2, .inherited = {{.ready = 2}}, .failing_plans = 1}, 1,
                      serve_all);
    const pid_t first = pid_in(master.wait_for_note("inherited 0 (pid"));
    master.wait_for(LogEvent::reload_refused, {"a bad configuration"});
    ::kill(first, SIGKILL);
    // Perhaps before its death is seen: its link has ended.
    master.wait_for(LogEvent::reload_started);
    master.wait_for(LogEvent::reload_finished, {"generation 8", "2 workers"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_died, {"SIGKILL"}) == 1);
    CHECK(master.count_notes("inherited 1 hears retire") == 1);
    CHECK(master.count(LogEvent::reload_started) == 2);
    CHECK(master.count(LogEvent::worker_started) == 2);
  }

  TEST_CASE("a stop tells those that were retired before to end, too") {
    Supervised master({.broken_reloads = true, .inherited = {{.ready = 1, .retired = 2}}}, 1,
                      serve_all);
    master.wait_for_note("on_reloaded: given up");
    CHECK(master.count_notes("hears") == 0);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count_notes("hears drain") == 3);
  }

  TEST_CASE("retired ones that die are not missed") {
    Supervised master({.broken_reloads = true, .inherited = {{.ready = 1, .retired = 1}}}, 1,
                      serve_all);
    const pid_t retired = pid_in(master.wait_for_note("inherited 1 (pid"));
    master.wait_for_note("on_reloaded: given up");
    ::kill(retired, SIGKILL);
    master.wait_for(LogEvent::worker_died, {"SIGKILL"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::reload_started) == 1);
  }

  TEST_CASE("without any worker that could serve, the next generation is all there is") {
    for (const unsigned retired : {0u, 1u}) {
      CAPTURE(retired);
      Supervised master({.workers = 2, .inherited = {{.retired = retired}}}, 1, serve_all);
      master.wait_for(LogEvent::reload_finished, {"generation 8", "2 workers"});
      master.send(SIGTERM);
      CHECK(master.wait_for_end() == support::exit_code::kOk);
    }
  }

  TEST_CASE("without any, a next generation that cannot start is tried again after a pause") {
    Supervised master({.inherited = MasterOptions::Inherited{}, .failing_plans = 1}, 1, serve_all);
    master.wait_for(LogEvent::reload_refused);
    master.wait_for(LogEvent::reload_finished, {"generation 8", "1 worker"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::reload_started) == 2);
  }
}
