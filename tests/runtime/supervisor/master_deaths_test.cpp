// Tests of a master whose workers die: they are replaced, named in the log, and counted.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "runtime/support/exit_code.hpp"
#include "runtime/support/monotonic.hpp"
#include "supervised.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using gateway::Level;
using gateway::LogEvent;
using ipc::Scoreboard;
using ipc::StartStep;
using ipc::WorkerLink;
using Kind = ipc::WorkerMessage::Kind;

namespace {

constexpr unsigned kThreads = 2;

// How often a worker of this place has been started, from 1; counters outlive the worker.
std::uint64_t count_start(Scoreboard& scoreboard, unsigned index) {
  ipc::ThreadSlot& slot = scoreboard.worker(index)[0];
  slot.end();
  return slot.requests.load();
}

// Ready, but what comes next waits for the test's signal.
void ready_until_usr1(WorkerLink& link) {
  sigset_t usr1;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
  link.send({Kind::step, StartStep::warm_up, {}});
  link.send({Kind::ready, {}, {}});
  int signal = 0;
  ::sigwait(&usr1, &signal);
}

}  // namespace

TEST_SUITE("master") {
  TEST_CASE("a crashed worker is replaced, and the log says what it was serving") {
    Supervised master({2, 30s}, kThreads, [](unsigned index, WorkerLink link, Scoreboard& board) {
      if (index == 0 || count_start(board, index) > 1) return serve(std::move(link));
      ready_until_usr1(link);
      board.worker(index)[1].begin(support::monotonic_ns(), "GET", "/crash?x=1");
      std::abort();
    });
    const pid_t pid = pid_in(master.wait_for(LogEvent::worker_prepared, {"worker 2"}));
    master.wait_for_start();
    ::kill(pid, SIGUSR1);
    const std::string line =
        master.wait_for(LogEvent::worker_died, {"worker 2", named(pid), "SIGABRT"});
    CHECK(line.ends_with("; examined 1, signal 6"));
    CHECK(test::has_fields(line, {"GET /crash?x=1", "thread 2, 0."}));
    CHECK(pid_in(master.wait_for(LogEvent::worker_ready, {"worker 2"})) != pid);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_started) == 3);
    CHECK(master.count(LogEvent::worker_backoff) == 0);
  }

  TEST_CASE("a worker that ends on its own is replaced even when it says that all is well") {
    Supervised master({1, 30s}, kThreads, [](unsigned index, WorkerLink link, Scoreboard& board) {
      if (count_start(board, index) > 1) return serve(std::move(link));
      ready_until_usr1(link);
      return 0;
    });
    const pid_t pid = pid_in(master.wait_for(LogEvent::worker_prepared, {"worker 1"}));
    master.wait_for_start();
    ::kill(pid, SIGUSR1);
    master.wait_for(LogEvent::worker_exited, {"code 0"});
    master.wait_for(LogEvent::worker_ready, {"worker 1"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE(
      "a worker that keeps dying is started after pauses, and a stop does not wait for its pause") {
    Supervised master({1, 30s}, kThreads, [](unsigned index, WorkerLink link, Scoreboard& board) {
      if (count_start(board, index) > 1) {
        link.send({Kind::failed, StartStep::import_application, "broken since"});
        return support::exit_code::kStart;
      }
      ready_until_usr1(link);
      return 5;
    });
    const pid_t pid = pid_in(master.wait_for(LogEvent::worker_prepared, {"worker 1"}));
    master.wait_for_start();
    ::kill(pid, SIGUSR1);
    master.wait_for(LogEvent::worker_start_failed,
                    {"worker 1", "import_application", "broken since"});
    for (const char* pause : {"1.0 s", "2.0 s", "4.0 s"}) {
      CHECK(test::has_fields(master.wait_for(LogEvent::worker_backoff), {"worker 1", pause}));
    }
    const auto before = Clock::now();
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(Clock::now() - before < 3s);
    CHECK(master.count(LogEvent::server_start_failed) == 0);
    CHECK(master.count(Level::debug, {"code 4"}) == 0);  // the reason has been told
  }

  TEST_CASE("more deaths than are borne stop the others in order, with an exit code of its own") {
    Supervised master(
        {.workers = 2, .max_crashes = config::MaxCrashes{1, 1h}}, kThreads,
        [](unsigned, WorkerLink link, Scoreboard&) { return serve(std::move(link)); });
    const pid_t first = pid_in(master.wait_for(LogEvent::worker_prepared, {"worker 1"}));
    master.wait_for_start();
    ::kill(first, SIGKILL);
    ::kill(pid_in(master.wait_for(LogEvent::worker_ready, {"worker 1"})), SIGKILL);
    master.wait_for(LogEvent::server_crash_limit, {"1", "3600.0 s", "--max-crashes"});
    CHECK(master.wait_for_end() == support::exit_code::kCrashes);
    CHECK(master.count(LogEvent::worker_started) == 3);
    CHECK(master.count_notes("on_stopping") == 1);
    CHECK(master.count(LogEvent::worker_killed) == 0);
  }

  TEST_CASE("a failure at a later start is a death too; an exit with 0 is none") {
    Supervised master({.max_crashes = config::MaxCrashes{0, 1h}}, kThreads,
                      [](unsigned index, WorkerLink link, Scoreboard& board) {
                        if (count_start(board, index) > 1) {
                          link.send({Kind::failed, StartStep::import_application, "broken since"});
                          return support::exit_code::kStart;
                        }
                        ready_until_usr1(link);
                        return 0;
                      });
    const pid_t pid = pid_in(master.wait_for(LogEvent::worker_prepared, {"worker 1"}));
    master.wait_for_start();
    ::kill(pid, SIGUSR1);
    master.wait_for(LogEvent::worker_exited, {"code 0"});
    master.wait_for(LogEvent::worker_start_failed, {"broken since"});
    CHECK(master.wait_for_end() == support::exit_code::kCrashes);
    CHECK(master.count(LogEvent::worker_started) == 2);
  }

  TEST_CASE("a death that the master has ordered is no crash") {
    Supervised master({.graceful_timeout = 100ms, .max_crashes = config::MaxCrashes{0, 1h}},
                      kThreads, [](unsigned index, WorkerLink link, Scoreboard& board) {
                        if (count_start(board, index) > 1) return serve(std::move(link));
                        ready_until_usr1(link);
                        link.close();
                        for (;;) ::pause();
                      });
    const pid_t pid = pid_in(master.wait_for(LogEvent::worker_prepared, {"worker 1"}));
    master.wait_for_start();
    ::kill(pid, SIGUSR1);
    master.wait_for(LogEvent::worker_killed, {"worker 1"});
    master.wait_for(LogEvent::worker_ready, {"worker 1"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("a reload that fails is no crash, and a new generation is counted anew") {
    Supervised failing(
        {.workers = 2, .broken_worker = 1, .max_crashes = config::MaxCrashes{0, 1h}}, kThreads,
        [](unsigned, WorkerLink link, Scoreboard&) { return serve(std::move(link)); });
    failing.wait_for_start();
    failing.send(SIGHUP);
    failing.wait_for_note("on_reloaded: given up");
    failing.send(SIGTERM);
    CHECK(failing.wait_for_end() == support::exit_code::kOk);

    Supervised master(
        {.max_crashes = config::MaxCrashes{1, 1h}}, kThreads,
        [](unsigned, WorkerLink link, Scoreboard&) { return serve(std::move(link)); });
    const pid_t first = pid_in(master.wait_for(LogEvent::worker_prepared, {"worker 1"}));
    master.wait_for_start();
    ::kill(first, SIGKILL);
    master.wait_for(LogEvent::worker_ready, {"worker 1"});
    master.send(SIGHUP);
    const pid_t second = pid_in(master.wait_for(LogEvent::worker_started, {"worker 1"}));
    master.wait_for_note("on_reloaded: taken over");
    ::kill(second, SIGKILL);
    ::kill(pid_in(master.wait_for(LogEvent::worker_ready, {"worker 1"})), SIGKILL);
    CHECK(master.wait_for_end() == support::exit_code::kCrashes);
    CHECK(master.count(LogEvent::worker_started) == 4);
  }

  TEST_CASE("a new worker's place forgets what the dead one was serving") {
    Supervised master({1, 100ms}, kThreads, [](unsigned index, WorkerLink link, Scoreboard& board) {
      if (count_start(board, index) > 1) return hang(std::move(link));
      board.worker(index)[1].begin(support::monotonic_ns(), "GET", "/crash");
      ready_until_usr1(link);
      return 1;
    });
    const pid_t pid = pid_in(master.wait_for(LogEvent::worker_prepared, {"worker 1"}));
    master.wait_for_start();
    ::kill(pid, SIGUSR1);
    master.wait_for(LogEvent::worker_died, {"GET /crash"});
    master.wait_for(LogEvent::worker_ready, {"worker 1"});
    master.send(SIGTERM);
    CHECK(master.wait_for(LogEvent::worker_killed).find("GET /crash") == std::string::npos);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("a worker that has lost its link and goes on is killed and replaced") {
    Supervised master({1, 100ms}, kThreads, [](unsigned index, WorkerLink link, Scoreboard& board) {
      if (count_start(board, index) > 1) return serve(std::move(link));
      ready_until_usr1(link);
      link.close();
      for (;;) ::pause();
    });
    const pid_t pid = pid_in(master.wait_for(LogEvent::worker_prepared, {"worker 1"}));
    master.wait_for_start();
    ::kill(pid, SIGUSR1);
    const std::string line = master.wait_for(LogEvent::worker_killed);
    CHECK(line.ends_with(fmt::format("worker 1 (pid {})", pid)));  // and it served nothing
    master.wait_for(LogEvent::worker_ready, {"worker 1"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }
}
