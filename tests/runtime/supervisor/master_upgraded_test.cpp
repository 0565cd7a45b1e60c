// Master after an upgrade: it goes on with the workers of another program.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <string>

#include "runtime/support/exit_code.hpp"
#include "supervised.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using ipc::Scoreboard;
using ipc::WorkerLink;

namespace {

int serve_all(unsigned, WorkerLink link, Scoreboard&) {
  return serve(std::move(link));
}

pid_t pid_in(const std::string& line) {
  return static_cast<pid_t>(std::stol(line.substr(line.find("pid ") + 4)));
}

}  // namespace

TEST_SUITE("master after an upgrade") {
  TEST_CASE("the workers that are there serve until the next generation does") {
    Supervised master({.workers = 3, .inherited = {{.ready = 2}}}, 1, serve_all);
    master.wait_for("info reloading");
    master.wait_for("generation 8 serves (3 workers)");
    master.wait_for("on_reloaded: taken over");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count("inherited 0 hears retire") == 1);
    CHECK(master.count("inherited 1 hears retire") == 1);
    CHECK(master.count("hears drain") == 0);
    CHECK(master.count("started (pid") == 3);
    CHECK(master.count("exited with code 0") == 5);
    CHECK(master.count("on_turn: 2 ready") >= 1);
    CHECK(master.count("debug ready:") == 0);  // that was the other program's
    CHECK(master.count("killing") == 0);
  }

  TEST_CASE("workers get the signals that they would get without an upgrade") {
    Supervised master({.inherited = {{.ready = 1}}}, 1, [](unsigned, WorkerLink link, Scoreboard&) {
      sigset_t blocked;
      ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR2, SIGCHLD}) {
        if (::sigismember(&blocked, signal) == 1) return fail(std::move(link));
      }
      return serve(std::move(link));
    });
    master.wait_for("on_reloaded");
    CHECK(master.count("generation 8 serves") == 1);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("one that was still starting serves when it is ready") {
    Supervised master({.broken_reloads = true, .inherited = {{.starting = 1}}}, 1, serve_all);
    master.wait_for("inherited 0 hears serve");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count("inherited 0 hears drain") == 1);
  }

  TEST_CASE("a next generation that cannot start leaves them serving") {
    Supervised master({.workers = 2, .broken_worker = 1, .inherited = {{.ready = 2}}}, 1,
                      serve_all);
    CHECK(master.wait_for("error the reload")
              .find("the reload has failed, generation 7 goes on: worker 2 failed at "
                    "import_application") != std::string::npos);
    master.wait_for("on_reloaded: given up");
    CHECK(master.count("hears") == 0);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count("hears drain") == 2);
    CHECK(master.count("info reloading") == 1);
  }

  TEST_CASE("when one of them dies after that, the next generation is tried again") {
    Supervised master({.workers = 2, .inherited = {{.ready = 2}}, .failing_plans = 1}, 1,
                      serve_all);
    const pid_t first = pid_in(master.wait_for("inherited 0 (pid"));
    CHECK(master.wait_for("error") == "error the reload failed: a bad configuration");
    ::kill(first, SIGKILL);
    master.wait_for("info reloading");  // perhaps before its death is seen: its link has ended
    master.wait_for("generation 8 serves (2 workers)");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count("was killed by SIGKILL") == 1);
    CHECK(master.count("inherited 1 hears retire") == 1);
    CHECK(master.count("info reloading") == 2);
    CHECK(master.count("started (pid") == 2);
  }

  TEST_CASE("a stop tells those that were retired before to end, too") {
    Supervised master({.broken_reloads = true, .inherited = {{.ready = 1, .retired = 2}}}, 1,
                      serve_all);
    master.wait_for("on_reloaded: given up");
    CHECK(master.count("hears") == 0);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count("hears drain") == 3);
  }

  TEST_CASE("retired ones that die are not missed") {
    Supervised master({.broken_reloads = true, .inherited = {{.ready = 1, .retired = 1}}}, 1,
                      serve_all);
    const pid_t retired = pid_in(master.wait_for("inherited 1 (pid"));
    master.wait_for("on_reloaded: given up");
    ::kill(retired, SIGKILL);
    master.wait_for("was killed by SIGKILL");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count("info reloading") == 1);
  }

  TEST_CASE("without any worker that could serve, the next generation is all there is") {
    for (const unsigned retired : {0u, 1u}) {
      CAPTURE(retired);
      Supervised master({.workers = 2, .inherited = {{.retired = retired}}}, 1, serve_all);
      master.wait_for("generation 8 serves (2 workers)");
      master.send(SIGTERM);
      CHECK(master.wait_for_end() == support::exit_code::kOk);
    }
  }

  TEST_CASE("without any, a next generation that cannot start is tried again after a pause") {
    Supervised master({.inherited = MasterOptions::Inherited{}, .failing_plans = 1}, 1, serve_all);
    master.wait_for("error the reload has failed");
    master.wait_for("generation 8 serves (1 worker)");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count("info reloading") == 2);
  }
}
