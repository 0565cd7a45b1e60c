// Tests of what a master asks of its generations' deployments, and when.

#include <doctest/doctest.h>
#include <poll.h>
#include <unistd.h>

#include <array>

#include "runtime/support/exit_code.hpp"
#include "supervised.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using gateway::LogEvent;
using ipc::Scoreboard;
using ipc::WorkerLink;

namespace {

constexpr unsigned kThreads = 1;

}  // namespace

TEST_SUITE("master and deployments") {
  TEST_CASE("the former generation closes its listeners when the next one has taken over") {
    Supervised master({1, 30s}, kThreads, serve_all);
    master.wait_for_start();
    CHECK(master.count_notes("takes over") == 0);
    master.send(SIGHUP);
    master.wait_for(LogEvent::reload_finished);
    CHECK(master.count_notes_so_far("closes its listeners") == 0);
    master.wait_for_note("deployment 1 closes its listeners");
    master.wait_for_note("deployment 2 takes over");
    master.wait_for_note("on_reloaded: taken over");
    CHECK(master.count_notes_so_far("deployment 2 closes its listeners") == 0);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("a stop closes the listeners of all generations, also of one that still starts") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const support::UniqueFd read_end(ends[0]);
    const support::UniqueFd write_end(ends[1]);
    Supervised master({1, 30s}, kThreads, [&](unsigned, WorkerLink link, Scoreboard&) {
      std::array<pollfd, 2> waited{{{read_end.get(), POLLIN, 0}, {link.fd(), POLLIN, 0}}};
      ::poll(waited.data(), waited.size(), -1);
      char byte = 0;
      if (waited[0].revents == 0 || ::read(read_end.get(), &byte, 1) != 1) return 0;
      return serve(std::move(link));
    });
    REQUIRE(::write(write_end.get(), "1", 1) == 1);  // for the first generation alone
    master.wait_for_start();
    master.send(SIGHUP);
    master.wait_for(LogEvent::worker_started, {"worker 1"});
    CHECK(master.count_notes_so_far("closes its listeners") == 0);
    master.send(SIGTERM);
    master.wait_for_note("on_stopping");
    CHECK(master.count_notes_so_far("deployment 1 closes its listeners") == 1);
    CHECK(master.count_notes_so_far("deployment 2 closes its listeners") == 1);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count_notes("on_reloaded") == 0);
  }

  TEST_CASE("only what is there at the end is left open for that") {
    Supervised master({1, 30s}, kThreads, serve_all);
    master.wait_for_start();
    master.send(SIGHUP);
    master.wait_for(LogEvent::reload_finished);
    if (master.count(LogEvent::worker_stopped, {"code 0"}) == 0)
      master.wait_for(LogEvent::worker_stopped, {"code 0"});
    master.send(SIGHUP);
    master.wait_for(LogEvent::reload_finished, {"generation 3"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count_notes("deployment 1 leaves open") == 0);
    CHECK(master.count_notes("deployment 3 leaves open") == 1);
  }

  TEST_CASE("what a failed reload was to serve never takes over") {
    Supervised master({.broken_worker = 0}, kThreads, serve_all);
    master.wait_for_start();
    master.send(SIGHUP);
    master.wait_for_note("on_reloaded: given up");
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count_notes("takes over") == 0);
  }

  TEST_CASE("SIGUSR1: logs are opened anew") {
    Supervised master({1, 30s}, kThreads, serve_all);
    master.wait_for_start();
    master.send(SIGUSR1);
    master.wait_for_note("reopens the logs");
    master.wait_for(LogEvent::log_reopened, {"SIGUSR1"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }
}
