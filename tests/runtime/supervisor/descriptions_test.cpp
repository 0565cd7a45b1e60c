// Tests of words for exit codes and signals.

#include "runtime/supervisor/descriptions.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

using namespace appd::supervisor;
using namespace std::chrono_literals;
using appd::ipc::RunningRequest;

TEST_SUITE("descriptions") {
  TEST_CASE("the end of a process names its exit code or its signal") {
    CHECK(describe_exit(0) == "exited with code 0");
    CHECK(describe_exit(3 << 8) == "exited with code 3");
    CHECK(describe_exit(SIGKILL) == "was killed by SIGKILL");
    CHECK(describe_exit(SIGSEGV | 0x80) == "was killed by SIGSEGV (core dumped)");
    CHECK(describe_exit(SIGRTMIN + 3) == "was killed by SIGRTMIN+3");
  }

  TEST_CASE("signals have the names that the system's library has for them") {
    constexpr int kLast = 31;  // of those that are not real-time signals
    for (int signal = 1; signal <= kLast; ++signal) {
      CHECK(describe_signal(signal) == std::string("SIG") + ::sigabbrev_np(signal));
    }
    CHECK(describe_signal(kLast + 1) == fmt::format("signal {}", kLast + 1));
  }

  TEST_CASE("the sender of a signal is named as far as it is known") {
    std::ifstream comm("/proc/self/comm");
    std::string name;
    std::getline(comm, name);
    CHECK(describe_sender({SIGALRM, ::getpid(), 33}) ==
          fmt::format("sent by process {} ({}), user 33", ::getpid(), name));
    constexpr pid_t kNobody = 1 << 30;
    CHECK(describe_sender({SIGALRM, kNobody, 0}) ==
          fmt::format("sent by process {}, user 0", kNobody));
    CHECK(describe_sender({SIGALRM, 0, 0}) == "sent by the kernel");
  }

  TEST_CASE("requests are named with thread and age, in one line") {
    CHECK(describe_requests({}) == "");
    const std::vector<RunningRequest> requests{{2, 3240ms, "GET /slow"},
                                               {4, 60ms, "POST /a\nb\x1b"}};
    CHECK(describe_requests(requests) ==
          "GET /slow (thread 2, 3.2 s), POST /a\\x0ab\\x1b (thread 4, 0.1 s)");
  }
}
