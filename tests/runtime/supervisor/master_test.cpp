// Tests of a master with real processes: starts, stops, and what its children see of it.

#include "runtime/supervisor/master.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/support/exit_code.hpp"
#include "runtime/support/monotonic.hpp"
#include "runtime/support/worker_signals.hpp"
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

  TEST_CASE("workers see the end of a master that was killed") {
    Supervised master({3, 30s}, kThreads, serve_all);
    master.wait_for_start();
    master.send(SIGKILL);
    CHECK(master.wait_for_end() == -1);
  }

  TEST_CASE("a worker's program gets no descriptor of its master's") {
    Supervised master({2, 30s}, kThreads, [](unsigned index, WorkerLink link, Scoreboard&) {
      std::string others;
      for (int fd = 3; fd < 64; ++fd) {
        const bool passed_on = (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
        if (fd != link.fd() && is_link_or_signalfd(fd) && passed_on)
          others += fmt::format(" {}", fd);
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
      support::enter_worker_signals();
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
