#include "runtime/supervisor/descriptions.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <vector>

using namespace appd::supervisor;
using namespace std::chrono_literals;
using appd::observe::RunningRequest;

TEST_SUITE("descriptions") {
  TEST_CASE("the end of a process names its exit code or its signal") {
    CHECK(describe_exit(0) == "exited with code 0");
    CHECK(describe_exit(3 << 8) == "exited with code 3");
    CHECK(describe_exit(SIGKILL) == "was killed by SIGKILL");
    CHECK(describe_exit(SIGSEGV | 0x80) == "was killed by SIGSEGV (core dumped)");
    CHECK(describe_exit(SIGRTMIN + 3) == "was killed by signal 37");
  }

  TEST_CASE("requests are named with thread and age, in one line") {
    CHECK(describe_requests({}) == "");
    const std::vector<RunningRequest> requests{{2, 3240ms, "GET /slow"},
                                               {4, 60ms, "POST /a\nb\x1b"}};
    CHECK(describe_requests(requests) ==
          "GET /slow (thread 2, 3.2 s), POST /a\\x0ab\\x1b (thread 4, 0.1 s)");
  }
}
