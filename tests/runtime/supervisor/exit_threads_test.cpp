// Tests of the names of threads that delay an exit.

#include "runtime/supervisor/exit_threads.hpp"

#include <doctest/doctest.h>

using appd::supervisor::describe_exit_threads;

TEST_SUITE("exit threads") {
  constexpr const char* kThreads = "0x00007f01 pool_0\n0x00007f02 ticker\n0x00007f03 mail, 3\n";

  TEST_CASE("those that have left a stack are named") {
    CHECK(
        describe_exit_threads(kThreads, "\nThread 0x00007f02 (most recent call first):\n  File") ==
        "; its thread ticker still ran");
    CHECK(describe_exit_threads(kThreads, "Thread 0x00007f03 (\nCurrent thread 0x00007f02 (") ==
          "; its threads ticker, mail, 3 still ran");
  }

  TEST_CASE("none had to be waited for when only others have left stacks") {
    CHECK(describe_exit_threads(kThreads, "Current thread 0x00007f00 (most recent") == "");
    CHECK(describe_exit_threads("", "Current thread 0x00007f00 (most recent") == "");
  }

  TEST_CASE("without stacks all are named that there were") {
    CHECK(describe_exit_threads(kThreads, "") == "; its threads pool_0, ticker, mail, 3 still ran");
    CHECK(describe_exit_threads("", "") == "");
  }

  TEST_CASE("a worker can write anything") {
    CHECK(describe_exit_threads("0x1 a\x1b[2J", "") == "; its thread a\\x1b[2J still ran");
    for (const char* odd : {"\n", "0x", "0x1", "name", " ", "\n\n0x5\n"}) {
      CHECK(describe_exit_threads(odd, "") == "");
    }
  }
}
