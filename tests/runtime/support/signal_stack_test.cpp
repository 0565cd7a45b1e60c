// Tests of handlers after a stack overflow.

#include "runtime/support/signal_stack.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

using appd::support::SignalStack;

namespace {

extern "C" void leave_with_seven(int) {
  ::_exit(7);
}

int use_up_the_stack(int depth) {
  volatile char room[4096];
  room[0] = static_cast<char>(depth);
  if (depth == 1'000'000) return 0;  // 4 GB: no thread has that much stack
  return use_up_the_stack(depth + 1) + room[0];
}

/// How a process ends if one thread uses up its stack.
int end_of_overflow() {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    struct sigaction action {};
    action.sa_handler = leave_with_seven;
    action.sa_flags = SA_ONSTACK;
    ::sigaction(SIGSEGV, &action, nullptr);
    std::thread([] {
      const SignalStack stack;
      use_up_the_stack(0);
    }).join();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return status;
}

}  // namespace

TEST_SUITE("signal stack") {
  TEST_CASE("a handler runs in a thread that has used up its stack") {
    const int status = end_of_overflow();
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
  }

  TEST_CASE("it is given back") {
    stack_t before{};
    stack_t inside{};
    stack_t after{};
    std::thread([&] {
      ::sigaltstack(nullptr, &before);
      {
        const SignalStack stack;
        ::sigaltstack(nullptr, &inside);
      }
      ::sigaltstack(nullptr, &after);
    }).join();
    CHECK(inside.ss_size == SignalStack::kSize);
    CHECK(after.ss_flags == before.ss_flags);
    CHECK(after.ss_sp == before.ss_sp);
  }
}
