// Tests of closing sockets that would take long.

#include "runtime/support/aside.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "fakes/hostage.hpp"
#include "fakes/in_process.hpp"

using namespace appd::support;
using appd::test::Hostage;
using appd::test::time_of;

namespace {

std::pair<UniqueFd, UniqueFd> make_pair() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool ended(const UniqueFd& socket) {
  pollfd waited{socket.get(), POLLIN, 0};
  return ::poll(&waited, 1, 30'000) == 1 && (waited.revents & POLLHUP) != 0;
}

}  // namespace

TEST_SUITE("aside") {
  TEST_CASE("sockets with somebody else's in them are closed without waiting for that") {
    // A master has one thread, and no other thread of this program may hold a copy.
    auto [ours, theirs] = make_pair();
    Hostage hostage;
    REQUIRE(hostage.send_along(theirs.get(), "x", 1));
    std::vector<UniqueFd> closed;
    closed.push_back(std::move(ours));
    CHECK(time_of([&] { close_aside(std::move(closed)); }) < Hostage::kLinger / 3);
    CHECK(ended(theirs));
    int status = 0;
    CHECK(time_of([&] { CHECK(::wait(&status) > 0); }) < Hostage::kLinger / 3);
    CHECK(status == 0);
  }

  TEST_CASE("what is to be done is done by another process, and not waited for") {
    auto [ours, theirs] = make_pair();
    REQUIRE(run_aside([fd = ours.get()] {
      char go = 0;
      if (::recv(fd, &go, 1, 0) == 1) ::send(fd, &go, 1, 0);
    }));
    char response = 0;
    REQUIRE(::send(theirs.get(), "y", 1, 0) == 1);
    CHECK(::recv(theirs.get(), &response, 1, 0) == 1);
    CHECK(response == 'y');
    CHECK(::wait(nullptr) > 0);
  }

  TEST_CASE("a socket that refuses descriptors gets none, where the kernel knows that") {
    constexpr int kPassRights = 83;
    auto [ours, theirs] = make_pair();
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(ours.get(), SOL_SOCKET, kPassRights, &value, &size) != 0) return;
    refuse_descriptors(ours.get());
    Hostage hostage;
    CHECK_FALSE(hostage.send_along(theirs.get(), "x", 1));
  }
}
