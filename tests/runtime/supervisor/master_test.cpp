// Tests of a master with real processes: starts, signals, reloads and deaths.

#include "runtime/supervisor/master.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <vector>

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

int serve_all(unsigned, WorkerLink link, Scoreboard&) {
  return serve(std::move(link));
}

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

bool is_link_or_signalfd(int fd) {
  std::array<char, 256> target{};
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  if (::readlink(path.c_str(), target.data(), target.size() - 1) < 0) return false;
  const std::string_view name(target.data());
  return name.find("signalfd") != std::string_view::npos || name.find("socket:") == 0;
}

// A process that ended stays known until it is reaped.
bool becomes_unknown(pid_t pid) {
  for (const auto end = Clock::now() + Supervised::kPatience; Clock::now() < end;) {
    if (::kill(pid, 0) != 0) return true;
    ::usleep(1000);
  }
  return false;
}

}  // namespace

TEST_SUITE("master") {
  TEST_CASE("workers start, serve, and drain on SIGTERM and SIGINT") {
    for (const auto& [signal, name] :
         {std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGINT, "SIGINT"}}) {
      Supervised master({3, 30s}, kThreads, serve_all);
      master.wait_for(LogEvent::worker_prepared, {"3 workers"});
      master.send(signal);
      master.wait_for(LogEvent::server_stopping, {name, "30.0 s"});
      master.wait_for_note("on_stopping");
      master.wait_for(LogEvent::server_stopped);
      CHECK(master.wait_for_end() == support::exit_code::kOk);
      CHECK(master.count(LogEvent::worker_stopped, {"code 0"}) == 3);
      CHECK(master.count_notes("on_stopping") == 1);
      CHECK(master.count(LogEvent::worker_killed) == 0);
      CHECK(master.count_notes("held by stdio") == 1);
    }
  }

  TEST_CASE("each turn tells how many workers are ready, and comes when it is wanted") {
    Supervised master({2, 30s}, kThreads, serve_all);
    master.wait_for_note("on_turn: 0 ready");
    master.wait_for_note("on_turn: 2 ready");
    master.wait_for_note("on_turn: as asked for");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("on_ready is called once, when all workers are ready") {
    Supervised master({2, 30s}, kThreads, serve_all, [] { throw std::runtime_error("hook ran"); });
    CHECK(master.wait_for_end() == 99);  // and an exception leaves no worker behind
    for (const char* worker : {"worker 1", "worker 2"}) {
      CHECK(master.count(LogEvent::worker_prepared, {worker}) == 1);
    }
    CHECK(master.count_notes("hook ran") == 1);
  }

  TEST_CASE("a worker that cannot import the application stops the start") {
    Supervised master({3, 30s}, kThreads, [](unsigned index, WorkerLink link, Scoreboard&) {
      if (index != 1) return serve(std::move(link));
      link.send({Kind::step, StartStep::import_application, {}});
      link.send({Kind::failed, StartStep::import_application, "No module named 'app'"});
      return support::exit_code::kStart;
    });
    master.wait_for(LogEvent::worker_start_failed,
                    {"worker 2", "import_application", "No module named 'app'"});
    CHECK(master.wait_for_end() == support::exit_code::kStart);
    CHECK(master.count_notes("on_stopping") == 1);
    CHECK(master.count(LogEvent::worker_prepared, {"3 workers"}) == 0);
    CHECK(master.count_notes("on_ready") == 0);
    CHECK(master.count(LogEvent::worker_started) == 3);
    CHECK(master.count(Level::error, {"worker"}) == 1);
  }

  TEST_CASE("a start that fails in every worker is reported once") {
    Supervised master({3, 30s}, kThreads, [](unsigned, WorkerLink link, Scoreboard&) {
      link.send({Kind::failed, StartStep::import_application, "broken"});
      return support::exit_code::kStart;
    });
    CHECK(master.wait_for_end() == support::exit_code::kStart);
    CHECK(master.count(Level::error, {"worker"}) == 1);
    CHECK(master.count(LogEvent::server_start_failed) == 1);
  }

  TEST_CASE("a worker that dies before the first start is complete stops it") {
    Supervised master({2, 30s}, kThreads, [](unsigned index, WorkerLink link, Scoreboard&) {
      if (index == 0) return serve(std::move(link));
      link.send({Kind::step, StartStep::start_interpreter, {}});
      return 3;
    });
    master.wait_for(LogEvent::worker_died,
                    {"worker 2", "code 3", "start_interpreter", kBelowASecond});
    CHECK(master.wait_for_end() == support::exit_code::kStart);
    CHECK(master.count(LogEvent::worker_started, {"worker 2"}) == 1);
  }

  TEST_CASE("an entry that throws ends its worker, not the master's stack") {
    Supervised master({1, 30s}, kThreads, [](unsigned, WorkerLink, Scoreboard&) -> int {
      throw std::runtime_error("no such luck");
    });
    master.wait_for(LogEvent::worker_failed, {"worker 1", "no such luck"});
    master.wait_for(LogEvent::worker_died, {"worker 1", "code 1"});
    CHECK(master.wait_for_end() == support::exit_code::kStart);
  }

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

  TEST_CASE("what does not drain within the graceful timeout is killed, and named") {
    Supervised master({2, 200ms}, kThreads, [](unsigned index, WorkerLink link, Scoreboard& board) {
      if (index == 0) return serve(std::move(link));
      board.worker(index)[0].begin(support::monotonic_ns(), "POST", "/stuck");
      return hang(std::move(link));
    });
    const pid_t pid = pid_in(master.wait_for(LogEvent::worker_started, {"worker 2"}));
    master.wait_for_start();
    master.send(SIGTERM);
    CHECK(test::has_fields(master.wait_for(LogEvent::worker_killed),
                           {"worker 2", named(pid), "POST /stuck", "thread 1, 0."}));
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_killed) == 1);
    CHECK(master.count(LogEvent::worker_died) == 0);
  }

  TEST_CASE("a second SIGTERM or SIGINT, or one SIGQUIT, stops at once") {
    const auto hang_all = [](unsigned, WorkerLink link, Scoreboard&) {
      return hang(std::move(link));
    };
    using Told = std::pair<int, LogEvent>;
    const Told term{SIGTERM, LogEvent::server_stopping};
    const std::vector<std::vector<Told>> cases{{term, {SIGTERM, LogEvent::server_stopping_now}},
                                               {term, {SIGINT, LogEvent::server_stopping_now}},
                                               {{SIGQUIT, LogEvent::server_stopping_now}}};
    for (const std::vector<Told>& signals : cases) {
      Supervised master({2, 1h}, kThreads, hang_all);
      master.wait_for_start();
      for (const auto& [signal, event] : signals) {
        master.send(signal);
        master.wait_for(event);
      }
      CHECK(master.wait_for_end() == support::exit_code::kOk);
      CHECK(master.count(LogEvent::worker_killed, {"worker"}) == 2);
      CHECK(master.count_notes("on_stopping") == 1);
    }
  }

  TEST_CASE("a stop during the first start ends the workers that start") {
    Supervised master({2, 1h}, kThreads, [](unsigned, WorkerLink link, Scoreboard&) {
      link.send({Kind::step, StartStep::import_application, {}});
      return wait_for_order(link);
    });
    master.wait_for(LogEvent::worker_started, {"worker 2"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_killed) == 0);
  }

  TEST_CASE("what a worker left in stdio is written at its end") {
    std::FILE* file = std::tmpfile();
    Supervised master({1, 30s}, kThreads, [&](unsigned, WorkerLink link, Scoreboard&) {
      std::fputs("last words", file);
      return serve(std::move(link));
    });
    master.wait_for_start();
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    std::array<char, 16> bytes{};
    CHECK(::pread(::fileno(file), bytes.data(), bytes.size(), 0) == 10);
    std::fclose(file);
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

  TEST_CASE("workers see the end of a master that was killed") {
    Supervised master({3, 30s}, kThreads, serve_all);
    master.wait_for_start();
    master.send(SIGKILL);
    CHECK(master.wait_for_end() == -1);
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

  TEST_CASE("a worker has no descriptor of its master's but its own link") {
    Supervised master({2, 30s}, kThreads, [](unsigned index, WorkerLink link, Scoreboard&) {
      std::string others;
      for (int fd = 3; fd < 64; ++fd) {
        if (fd != link.fd() && is_link_or_signalfd(fd)) others += fmt::format(" {}", fd);
      }
      if (index == 0 || others.empty()) return serve(std::move(link));
      link.send({Kind::failed, StartStep::warm_up, "left open:" + others});
      return support::exit_code::kStart;
    });
    master.wait_for_start();
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("a worker leaves the terminal's signals to its master; what it forks does not") {
    Supervised master({1, 30s}, kThreads, [](unsigned, WorkerLink link, Scoreboard&) {
      for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) ::raise(signal);
      const pid_t child = ::fork();
      if (child == 0) {
        ::raise(SIGTERM);
        ::_exit(0);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      sigset_t blocked;
      ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      if (::sigismember(&blocked, SIGCHLD) || ::sigismember(&blocked, SIGTERM)) return 7;
      struct sigaction pipe_action {};
      ::sigaction(SIGPIPE, nullptr, &pipe_action);
      if (pipe_action.sa_handler != SIG_IGN) return 9;
      if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM) return 8;
      return serve(std::move(link));
    });
    master.wait_for_start();
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("children that are not workers are reaped: the master may be process 1") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const support::UniqueFd read_end(ends[0]);
    const support::UniqueFd write_end(ends[1]);
    Supervised master({1, 30s}, kThreads, [&](unsigned, WorkerLink link, Scoreboard&) {
      const pid_t child = ::fork();
      if (child == 0) {
        const pid_t orphan = ::fork();
        while (orphan == 0) ::pause();
        ::_exit(::write(write_end.get(), &orphan, sizeof orphan) == sizeof orphan ? 0 : 1);
      }
      ::waitpid(child, nullptr, 0);
      return serve(std::move(link));
    });
    master.wait_for_start();
    pid_t orphan = 0;
    REQUIRE(::read(read_end.get(), &orphan, sizeof orphan) == sizeof orphan);
    ::kill(orphan, SIGKILL);
    CHECK(becomes_unknown(orphan));
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }
}
