// Tests of the double fork.

#include "runtime/support/fork_orphan.hpp"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "fakes/in_process.hpp"
#include "runtime/support/unique_fd.hpp"

using namespace appd::support;
using appd::test::in_process;

TEST_SUITE("fork orphan") {
  TEST_CASE(
      "the child belongs to the subreaper at once, and the caller has none left to wait for") {
    CHECK(in_process([] {
            ::prctl(PR_SET_CHILD_SUBREAPER, 1);
            std::array<int, 2> ends{};
            if (::pipe(ends.data()) != 0) return 10;
            const pid_t caller = ::fork();
            if (caller == 0) {
              if (fork_orphan() == ForkSide::child) {
                const pid_t self = ::getpid();
                ::_exit(::write(ends[1], &self, sizeof self) == sizeof self ? 42 : 1);
              }
              ::_exit(::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD ? 0 : 1);
            }
            int status = 0;
            if (::waitpid(caller, &status, 0) != caller || status != 0) return 11;
            pid_t orphan = 0;
            if (::read(ends[0], &orphan, sizeof orphan) != sizeof orphan) return 12;
            if (::waitpid(orphan, &status, 0) != orphan) return 13;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 14;
          }) == 42);
  }

  TEST_CASE(
      "a fork that fails is told to the parent with its errno, be it the first or the second") {
    if (::geteuid() != 0) return;  // needs a user without other processes
    for (const rlim_t processes : {rlim_t{1}, rlim_t{2}}) {
      CHECK(in_process([processes] {
              const rlimit limit{processes, processes};
              if (::setrlimit(RLIMIT_NPROC, &limit) != 0 || ::setuid(54'321) != 0) return 10;
              try {
                if (fork_orphan() == ForkSide::child) ::_exit(0);
              } catch (const std::system_error& error) {
                return error.code().value() == EAGAIN ? 0 : 11;
              }
              return 12;
            }) == 0);
    }
  }

  TEST_CASE("where children are not to be waited for, the fork counts as done") {
    CHECK(in_process([] {
            ::signal(SIGCHLD, SIG_IGN);
            if (fork_orphan() == ForkSide::child) ::_exit(0);
            return 0;
          }) == 0);
  }
}
