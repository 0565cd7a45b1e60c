// Tests of the account of own descriptors.

#include "runtime/support/own_descriptors.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "runtime/support/unique_fd.hpp"

using namespace appd;
using support::UniqueFd;

namespace {

int open_null() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

/// Whether `fds` are open in a child that has closed appd's descriptors.
template <typename... Fds>
bool has_after_close(Fds... fds) {
  const pid_t child = ::fork();
  if (child == 0) {
    support::close_own_descriptors();
    ::_exit((is_open(fds) && ...) ? 1 : (is_open(fds) || ...) ? 2 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) != 2);
  return WEXITSTATUS(status) == 1;
}

}  // namespace

TEST_SUITE("own descriptors") {
  TEST_CASE("what a UniqueFd owns is appd's, whichever owns it and however it came to it") {
    UniqueFd made(open_null());
    UniqueFd moved(UniqueFd{open_null()});
    UniqueFd assigned(open_null());
    assigned = UniqueFd(open_null());
    UniqueFd reset;
    reset.reset(open_null());
    UniqueFd& itself = assigned;
    assigned = std::move(itself);
    CHECK_FALSE(has_after_close(made.get(), moved.get(), assigned.get(), reset.get()));
    CHECK(is_open(assigned.get()));
  }

  TEST_CASE("what it has let go of is not, nor what it leaves to forks") {
    UniqueFd released(open_null());
    const int raw = released.release();
    const UniqueFd left(open_null());
    left.keep_in_forks();
    const int never = open_null();
    UniqueFd closed(open_null());
    const int number = closed.get();
    closed.reset();
    const int same = ::fcntl(never, F_DUPFD_CLOEXEC, number);
    REQUIRE(same == number);
    CHECK(has_after_close(raw, left.get(), never, same));
    for (const int fd : {raw, never, same}) ::close(fd);
  }

  TEST_CASE("so is what a library opens during a claim, and not what was open before") {
    const int before = open_null();
    support::DescriptorClaim claim;
    const int during = ::epoll_create1(EPOLL_CLOEXEC);
    claim.finish();
    const int after = open_null();
    CHECK_FALSE(has_after_close(during));
    CHECK(has_after_close(before, after));
    support::disown_descriptor(during);
    for (const int fd : {before, during, after}) ::close(fd);
  }

  TEST_CASE("high numbers count too, and those beyond the account do no harm") {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const UniqueFd low(open_null());
    const UniqueFd high(::fcntl(low.get(), F_DUPFD_CLOEXEC, static_cast<int>(limit.rlim_cur) - 1));
    REQUIRE(high);
    CHECK_FALSE(has_after_close(high.get(), low.get()));
    for (const int fd : {-1, 1 << 20, 0x7fffffff}) {
      support::own_descriptor(fd);
      support::disown_descriptor(fd);
    }
  }
}
