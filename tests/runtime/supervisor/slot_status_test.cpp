// Tests of what a status says of processes and of the queue.

#include "runtime/supervisor/slot_status.hpp"

#include <doctest/doctest.h>

#include <string>

#include "runtime/support/monotonic.hpp"

using namespace appd;
using namespace appd::supervisor;

TEST_SUITE("slot status") {
  TEST_CASE("a worker: its state, what it serves, what it has answered") {
    ipc::Scoreboard scoreboard(2, 1);
    Slot worker{"worker 2", 1};
    worker.process.emplace();
    worker.process->pid = 812;
    CHECK(describe_status(worker, scoreboard) ==
          "worker 2 (pid 812): " + std::string(name(SlotState::retired)) + ", 0 requests answered");
    ipc::ThreadSlot& thread = scoreboard.worker(1)[0];
    thread.begin(support::monotonic_ns(), "GET", "/one");
    thread.end();
    thread.begin(support::monotonic_ns(), "GET", "/two");
    thread.end(true);
    thread.begin(support::monotonic_ns(), "GET", "/three");
    const std::string text = describe_status(worker, scoreboard);
    CHECK(text.find(", serving GET /three (thread 1, 0.") != std::string::npos);
    CHECK(text.ends_with(", 2 requests answered (1 when the front had gone away)"));
    CHECK(describe_work(worker, scoreboard, ", still ").starts_with(", still GET /three"));
    worker.index = 0;
    CHECK(describe_work(worker, scoreboard, ", still ").empty());
  }

  TEST_CASE("a zygote: its state alone") {
    ipc::Scoreboard scoreboard(1, 1);
    const Slot zygote{"zygote", std::nullopt};
    CHECK(describe_status(zygote, scoreboard) ==
          "zygote: " + std::string(name(SlotState::retired)));
  }

  TEST_CASE("the queue: how many wait, how many may, and for how long the oldest has") {
    ipc::Scoreboard scoreboard(2, 1);
    CHECK(describe_queue(scoreboard, 77) == "queue: 0 (of at most 77 in each worker)");
    ipc::WorkerLoad& load = scoreboard.loads()[1];
    load.waiting = 3;
    load.waiting_since = support::monotonic_ns();
    const std::string text = describe_queue(scoreboard, 77);
    CHECK(text.starts_with("queue: 3 (of at most 77 in each worker), the oldest for 0."));
  }
}
