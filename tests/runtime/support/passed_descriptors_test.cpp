// Tests of descriptors that go with a message.

#include "runtime/support/passed_descriptors.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "fakes/wired.hpp"
#include "runtime/support/event_fd.hpp"

using namespace appd;
using namespace appd::test;
using support::UniqueFd;

namespace {

/// A message of one byte, with room for five descriptors.
struct Message {
  Message() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }

  char byte = 'm';
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(5 * sizeof(int))> control{};
  msghdr header{};
};

/// Sends copies of the reading ends of so many pipes, and returns the writing ends.
std::vector<UniqueFd> send_pipes(const Wired& wired, std::size_t count) {
  std::vector<UniqueFd> writing;
  std::vector<UniqueFd> reading;
  std::vector<int> passed;
  for (std::size_t i = 0; i < count; ++i) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    passed.push_back(reading.emplace_back(ends[0]).get());
    writing.emplace_back(ends[1]);
  }
  Message message;
  support::put_descriptors(message.header, passed);
  REQUIRE(::sendmsg(wired.server.get(), &message.header, 0) == 1);
  return writing;
}

/// Receives a message, and what has come with it.
std::vector<UniqueFd> receive(const Wired& wired, std::size_t places) {
  Message message;
  REQUIRE(::recvmsg(wired.front.get(), &message.header, MSG_CMSG_CLOEXEC) == 1);
  std::vector<UniqueFd> taken(places);
  support::take_descriptors(message.header, taken);
  return taken;
}

bool are_ends_of_one_pipe(const UniqueFd& one, const UniqueFd& other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one.get(), &first) == 0 && ::fstat(other.get(), &second) == 0 &&
         first.st_ino == second.st_ino;
}

}  // namespace

TEST_SUITE("passed descriptors") {
  TEST_CASE("they arrive in their order, whatever their number") {
    for (const std::size_t count : {1u, 2u, 3u, 5u}) {
      CAPTURE(count);
      const Wired wired;
      const std::vector<UniqueFd> sent = send_pipes(wired, count);
      const std::vector<UniqueFd> taken = receive(wired, 5);
      for (std::size_t i = 0; i < 5; ++i) {
        CHECK(static_cast<bool>(taken[i]) == (i < count));
        if (i < count) CHECK(are_ends_of_one_pipe(taken[i], sent[i]));
      }
    }
  }

  TEST_CASE("those that have no place are closed") {
    const Wired wired;
    const std::vector<UniqueFd> sent = send_pipes(wired, 3);
    const std::size_t before = open_descriptors();
    const std::vector<UniqueFd> taken = receive(wired, 1);
    CHECK(open_descriptors() == before + 1);
    CHECK(are_ends_of_one_pipe(taken[0], sent[0]));
  }

  TEST_CASE("a message that has none leaves the places as they are") {
    const Wired wired;
    REQUIRE(::send(wired.server.get(), "m", 1, 0) == 1);
    Message message;
    REQUIRE(::recvmsg(wired.front.get(), &message.header, MSG_CMSG_CLOEXEC) == 1);
    UniqueFd kept = support::open_event_fd();
    const int number = kept.get();
    support::take_descriptors(message.header, std::span(&kept, 1));
    CHECK(kept.get() == number);
  }

  TEST_CASE("other ancillary data is not taken for descriptors") {
    const Wired wired;
    const int on = 1;
    REQUIRE(::setsockopt(wired.front.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    REQUIRE(::send(wired.server.get(), "m", 1, 0) == 1);
    CHECK_FALSE(static_cast<bool>(receive(wired, 1)[0]));
  }
}
