// Tests of what is said of a process that has ended, and of how bad that is.

#include "runtime/supervisor/death_report.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <string>

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using gateway::LogEvent;

namespace {

const Clock::time_point kStart{1h};
constexpr int kInOrder = 0;

/// waitpid's, for an exit code.
constexpr int exited(int code) {
  return code << 8;
}

/// A worker that has ended, 3.2 s after its start; it had been there before any process.
struct Dead {
  Dead() { slot.process = Process{812, {}, kStart, std::nullopt}; }
  Process& process() { return *slot.process; }
  std::string describe(std::optional<int> wait_status, std::string_view findings = "") {
    return describe_death(slot, wait_status, scoreboard, findings, kStart + 3200ms);
  }
  /// Of a worker that should have gone on, or not.
  LogEvent event(bool was_wanted, std::optional<int> wait_status) {
    return event_of_death(process(), was_wanted, wait_status);
  }

  Slot slot{"worker 2", 1};
  ipc::Scoreboard scoreboard{2, 1};
};

}  // namespace

TEST_SUITE("death report") {
  TEST_CASE("it says how the process has ended, after how long, and what else is known") {
    Dead dead;
    CHECK(dead.describe(exited(3)) == "worker 2 (pid 812) exited with code 3 after 3.2 s");
    CHECK(dead.describe(SIGKILL, "; out of memory") ==
          "worker 2 (pid 812) was killed by SIGKILL after 3.2 s; out of memory");
    dead.process().pid.reset();
    CHECK(dead.describe(std::nullopt) == "worker 2 was not forked after 3.2 s");
  }

  TEST_CASE("it says at which step of the start, and why it was being ended") {
    Dead dead;
    dead.process().step = ipc::StartStep::import_application;
    dead.process().fault = "was not ready within 9.0 s (--start-timeout)";
    CHECK(dead.describe(SIGABRT) ==
          "worker 2 (pid 812) was not ready within 9.0 s (--start-timeout) and was killed by "
          "SIGABRT at import_application after 3.2 s");
  }

  TEST_CASE("it says what the worker was serving") {
    Dead dead;
    dead.scoreboard.worker(1)[0].begin(1, "GET", "/slow");
    CHECK(dead.describe(SIGSEGV).find(" after 3.2 s, while serving GET /slow (thread 1, ") !=
          std::string::npos);
    dead.slot.index = 0;
    CHECK(dead.describe(SIGSEGV).find("serving") == std::string::npos);
  }

  TEST_CASE("of an exit that took too long it names the threads that were waited for") {
    Dead dead;
    dead.process().exit_threads = "0x00007f02 ticker";
    dead.process().exiting_since = kStart;
    CHECK(dead.describe(SIGABRT).find("ticker") == std::string::npos);  // it was not too long
    dead.process().fault = "has not ended in time";
    CHECK(dead.describe(SIGABRT).find("ticker") != std::string::npos);
  }

  TEST_CASE("one that was asked to end, and has, is told so, without anything else") {
    Dead dead;
    dead.process().asked_by = "SIGTERM";
    CHECK(has_ended_as_asked(dead.process(), kInOrder));
    CHECK(dead.describe(kInOrder, "; findings") ==
          "worker 2 (pid 812) was asked to end by SIGTERM and has ended after 3.2 s");
    CHECK(dead.event(true, kInOrder) == LogEvent::worker_asked_to_end);
    SUBCASE("not if it ended otherwise") {
      CHECK_FALSE(has_ended_as_asked(dead.process(), exited(1)));
      CHECK_FALSE(has_ended_as_asked(dead.process(), std::nullopt));
    }
    SUBCASE("not if there was a fault") {
      dead.process().fault = "has not ended in time";
      CHECK_FALSE(has_ended_as_asked(dead.process(), kInOrder));
    }
    SUBCASE("not if nobody had asked") {
      dead.process().asked_by.clear();
      CHECK_FALSE(has_ended_as_asked(dead.process(), kInOrder));
    }
  }

  TEST_CASE("how bad an end is depends on whether the process was wanted") {
    Dead dead;
    CHECK(dead.event(true, exited(0)) == LogEvent::worker_exited);
    CHECK(dead.event(true, exited(1)) == LogEvent::worker_died);
    CHECK(dead.event(true, SIGTERM) == LogEvent::worker_died);
    CHECK(dead.event(true, std::nullopt) == LogEvent::worker_died);
    CHECK(dead.event(false, exited(0)) == LogEvent::worker_stopped);
    CHECK(dead.event(false, std::nullopt) == LogEvent::worker_stopped);
    CHECK(dead.event(false, exited(1)) == LogEvent::worker_exited);
    CHECK(dead.event(false, SIGTERM) == LogEvent::worker_exited);
    CHECK(dead.event(false, SIGINT) == LogEvent::worker_exited);
    CHECK(dead.event(false, SIGSEGV) == LogEvent::worker_died);
  }

  TEST_CASE("a worker has had requests if it has answered some, or died in one") {
    Dead dead;
    CHECK_FALSE(had_requests(dead.slot, dead.scoreboard));
    ipc::ThreadSlot& thread = dead.scoreboard.worker(1)[0];
    thread.begin(1, "GET", "/");
    CHECK(had_requests(dead.slot, dead.scoreboard));
    thread.end();
    CHECK(had_requests(dead.slot, dead.scoreboard));
    dead.process().usage.answered_before = 1;  // by another in this place
    CHECK_FALSE(had_requests(dead.slot, dead.scoreboard));
    Slot zygote{"zygote", std::nullopt};
    zygote.process = Process{812, {}, kStart, std::nullopt};
    CHECK_FALSE(had_requests(zygote, dead.scoreboard));
  }
}
