// Tests of the shared memory, with writers that die half-way.

#include "runtime/ipc/scoreboard.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>

#include "runtime/support/monotonic.hpp"
#include "runtime/support/unique_fd.hpp"

using namespace appd::ipc;
using appd::support::monotonic_ns;
using namespace std::chrono_literals;

TEST_SUITE("scoreboard") {
  TEST_CASE("a running request is seen with thread, age and text; an ended one is not") {
    Scoreboard board(2, 3);
    CHECK(board.running(1).empty());
    board.worker(1)[2].begin(monotonic_ns() - 5'000'000'000, "GET", "/slow?x=1");

    const auto running = board.running(1);
    REQUIRE(running.size() == 1);
    CHECK(running[0].thread == 3);
    CHECK(running[0].text == "GET /slow?x=1");
    CHECK(running[0].age >= 5s);
    CHECK(running[0].age < 10s);
    CHECK(board.running(0).empty());

    board.worker(1)[2].end();
    CHECK(board.running(1).empty());
    CHECK(board.worker(1)[2].requests == 1);
    CHECK(board.worker(1)[1].requests == 0);
  }

  TEST_CASE("texts of every length come back, the too long ones cut") {
    Scoreboard board(1, 1);
    ThreadSlot& slot = board.worker(0)[0];
    for (std::size_t length = 0; length < 2 * ThreadSlot::kTextSize; ++length) {
      std::string uri(length, 'u');
      if (length > 0) uri.back() = '!';
      slot.begin(1, "GET", uri);
      CHECK(board.running(0).at(0).text == ("GET " + uri).substr(0, ThreadSlot::kTextSize));
      slot.end();
    }
    slot.begin(1, std::string(1000, 'M'), "/");
    CHECK(board.running(0).at(0).text == std::string(ThreadSlot::kTextSize, 'M'));
  }

  TEST_CASE("no two threads write to one cache line") {
    Scoreboard board(2, 2);
    const auto address = [](const ThreadSlot& slot) {
      return reinterpret_cast<std::uintptr_t>(&slot);
    };
    CHECK(address(board.worker(0)[0]) % 64 == 0);
    CHECK(address(board.worker(0)[1]) - address(board.worker(0)[0]) >= 64);
    CHECK(address(board.worker(1)[0]) - address(board.worker(0)[1]) >= 64);
  }

  TEST_CASE("what a process wrote outlives it, until its place is cleared") {
    Scoreboard board(1, 2);
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      board.worker(0)[0].begin(monotonic_ns(), "GET", "/done");
      board.worker(0)[0].end();
      board.worker(0)[1].begin(monotonic_ns(), "GET", "/last-words");
      ::_exit(0);
    }
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    REQUIRE(board.running(0).size() == 1);
    CHECK(board.running(0)[0].text == "GET /last-words");

    board.clear(0);
    CHECK(board.running(0).empty());
    CHECK(board.worker(0)[0].requests == 1);
  }

  TEST_CASE("a text left half written by a dead thread is not shown, and cleared with the rest") {
    Scoreboard board(1, 1);
    ThreadSlot& slot = board.worker(0)[0];
    slot.begin(1, "GET", "/half");
    slot.sequence.store(slot.sequence.load() + 1);
    CHECK(board.running(0).at(0).text == "(just starting)");
    board.clear(0);
    slot.begin(1, "GET", "/next");
    CHECK(slot.sequence.load() % 2 == 0);
    CHECK(board.running(0).at(0).text == "GET /next");
  }

  TEST_CASE("a dead worker's load is gone, but for what is on its way to its replacement") {
    Scoreboard board(2, 1);
    for (WorkerLoad& load : board.loads()) {
      load.open = true;
      load.running = load.waiting = load.incoming = 1;
    }
    board.clear(1);
    CHECK(!board.loads()[1].open);
    CHECK(board.loads()[1].running == 0);
    CHECK(board.loads()[1].waiting == 0);
    CHECK(board.loads()[1].incoming == 1);
    CHECK(board.loads()[0].open);
    CHECK(board.loads()[0].running == 1);
  }

  TEST_CASE("requests are counted, and apart from that those whose front went away") {
    Scoreboard board(1, 1);
    ThreadSlot& slot = board.worker(0)[0];
    for (const bool lost : {false, true, true, false}) {
      slot.begin(monotonic_ns(), "GET", "/");
      slot.end(lost);
    }
    CHECK(slot.requests == 4);
    CHECK(slot.lost == 2);
  }

  TEST_CASE("a worker has an idle thread while less than one for each is going on") {
    WorkerLoad load;
    CHECK(!load.has_idle_thread(4));
    load.open = true;
    CHECK(load.has_idle_thread(1));
    load.running = load.waiting = load.incoming = 1;
    CHECK(load.has_idle_thread(4));
    CHECK(!load.has_idle_thread(3));
    load.incoming = -2;  // taken before it was counted here
    CHECK(!load.has_idle_thread(2));
  }

  TEST_CASE("whatever is written there, its readers bear it") {
    Scoreboard board(2, 3);
    std::atomic<bool> done{false};
    std::thread scribbler([&] {
      std::mt19937_64 random(1);
      const std::array<std::uint64_t, 4> nasty{0, ~std::uint64_t{0}, std::uint64_t{1} << 63,
                                               (std::uint64_t{1} << 63) - 1};
      const auto words = std::span(reinterpret_cast<std::uint64_t*>(board.loads().data()),
                                   board.size() / sizeof(std::uint64_t));
      while (!done) {
        for (std::uint64_t& word : words) {
          const std::uint64_t value = random();
          std::atomic_ref(word).store(value % 2 == 0 ? value : nasty[value / 2 % nasty.size()],
                                      std::memory_order_relaxed);
        }
      }
    });
    const std::int64_t begin = monotonic_ns();
    for (int i = 0; i < 300; ++i) {
      for (unsigned worker = 0; worker < 2; ++worker) {
        for (const RunningRequest& each : board.running(worker)) {
          CHECK(each.text.size() <= ThreadSlot::kTextSize);
          CHECK(each.age >= 0ns);
          CHECK(each.age <= std::chrono::nanoseconds(monotonic_ns()));
        }
        board.answered(worker);
        board.lost(worker);
        CHECK(board.loads()[worker].busy(10) <= 10);
        board.loads()[worker].has_idle_thread(3);
        CHECK(board.waiting().oldest >= 0ns);
        CHECK(board.waiting().oldest <= std::chrono::nanoseconds(monotonic_ns()));
      }
      if (monotonic_ns() - begin > 2'000'000'000) break;
    }
    done = true;
    scribbler.join();
  }

  TEST_CASE("what waits is counted in all workers, and the oldest is found among them") {
    Scoreboard board(4, 1);
    CHECK(board.waiting().count == 0);
    CHECK(board.waiting().oldest == 0ns);
    const std::int64_t now = monotonic_ns();
    board.loads()[1].waiting = 3;
    board.loads()[1].waiting_since = now - 5'000'000'000;
    board.loads()[2].waiting = 2;
    board.loads()[2].waiting_since = now - 7'000'000'000;
    board.loads()[3].waiting_since = now - 9'000'000'000;  // of a queue that is empty again
    CHECK(board.waiting().count == 5);
    CHECK(board.waiting().oldest >= 7s);
    CHECK(board.waiting().oldest < 9s);

    board.clear(2);
    CHECK(board.waiting().count == 3);
    CHECK(board.waiting().oldest < 7s);
  }

  TEST_CASE("a reader never sees the text of one request mixed with another's") {
    Scoreboard board(1, 1);
    std::atomic<bool> stop{false};
    std::thread writer([&] {
      ThreadSlot& slot = board.worker(0)[0];
      while (!stop.load(std::memory_order_relaxed)) {
        for (const char letter : {'a', 'b'}) {
          slot.begin(monotonic_ns(), "GET", std::string(150, letter));
          for (int i = 0; i < 200; ++i) slot.requests.load();  // time to read it whole
          slot.end();
        }
      }
    });
    const std::string whole_a = "GET " + std::string(150, 'a');
    const std::string whole_b = "GET " + std::string(150, 'b');
    unsigned seen = 0;
    unsigned mixed = 0;
    for (const auto end = std::chrono::steady_clock::now() + 20s;
         seen < 2000 && std::chrono::steady_clock::now() < end;) {
      for (const RunningRequest& request : board.running(0)) {
        if (request.text == "(just starting)") continue;
        ++seen;
        if (request.text != whole_a && request.text != whole_b) ++mixed;
      }
    }
    stop = true;
    writer.join();
    CHECK(seen >= 2000);
    CHECK(mixed == 0);
  }

  TEST_CASE("another program maps the file and writes what this one reads") {
    Scoreboard board(2, 3);
    CHECK((::fcntl(board.file(), F_GETFD) & FD_CLOEXEC) != 0);
    {
      const appd::support::UniqueFd passed(::dup(board.file()));
      Scoreboard other(passed, 2, 3);
      other.worker(1)[2].begin(monotonic_ns(), "GET", "/from-there");
      other.loads()[0].waiting.store(7);
    }
    REQUIRE(board.running(1).size() == 1);
    CHECK(board.running(1)[0].text == "GET /from-there");
    CHECK(board.waiting().count == 7);
  }

  TEST_CASE("nobody can cut the file short, and a file that is too short is refused") {
    Scoreboard board(1, 1);
    CHECK(::ftruncate(board.file(), 0) != 0);
    const appd::support::UniqueFd passed(::dup(board.file()));
    CHECK_THROWS_AS(Scoreboard(passed, 2, 1), std::runtime_error);
  }
}
