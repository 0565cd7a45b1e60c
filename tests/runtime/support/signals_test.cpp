// Tests of blocked and received signals.

#include "runtime/support/signals.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/time.h>
#include <unistd.h>

using namespace appd::support;

namespace {

bool is_blocked(int signal) {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return ::sigismember(&mask, signal) == 1;
}

}  // namespace

TEST_SUITE("signals") {
  TEST_CASE("signals are blocked for a scope, and the mask from before comes back") {
    const BlockedSignals outer({SIGUSR1});
    {
      const BlockedSignals inner({SIGUSR1, SIGUSR2});
      CHECK(is_blocked(SIGUSR1));
      CHECK(is_blocked(SIGUSR2));
      CHECK(::sigismember(&inner.set(), SIGUSR2) == 1);
      CHECK(::sigismember(&inner.previous(), SIGUSR1) == 1);
      CHECK(::sigismember(&inner.previous(), SIGUSR2) == 0);
    }
    CHECK(is_blocked(SIGUSR1));
    CHECK(!is_blocked(SIGUSR2));
  }

  TEST_CASE("a signal descriptor gives each pending signal once, and never waits") {
    const BlockedSignals blocked({SIGUSR1, SIGUSR2});
    const UniqueFd fd = open_signal_fd(blocked.set());
    CHECK(!try_read_signal(fd));
    ::kill(::getpid(), SIGUSR2);
    ::kill(::getpid(), SIGUSR1);
    CHECK(try_read_signal(fd).value().number == SIGUSR1);
    CHECK(try_read_signal(fd).value().number == SIGUSR2);
    CHECK(!try_read_signal(fd));
  }

  TEST_CASE("a signal tells who sent it: a process, or the kernel") {
    const BlockedSignals blocked({SIGUSR1, SIGALRM});
    const UniqueFd fd = open_signal_fd(blocked.set());
    ::kill(::getpid(), SIGUSR1);
    const auto sent = try_read_signal(fd);
    REQUIRE(sent);
    CHECK(sent->sender == ::getpid());
    CHECK(sent->user == ::getuid());
    const itimerval soon{{}, {0, 1}};
    ::setitimer(ITIMER_REAL, &soon, nullptr);
    pollfd waited{fd.get(), POLLIN, 0};
    REQUIRE(::poll(&waited, 1, 10'000) == 1);
    CHECK(try_read_signal(fd).value().sender == 0);
  }

  TEST_CASE("a signal descriptor is not inherited by programs") {
    const BlockedSignals blocked({SIGUSR1});
    const UniqueFd fd = open_signal_fd(blocked.set());
    CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
}
