// Tests of pairs of SEQPACKET sockets.

#include "runtime/support/seqpacket_pair.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <exception>
#include <system_error>

#include "fakes/no_descriptors.hpp"

using namespace appd;
using support::make_seqpacket_pair;
using support::UniqueFd;

TEST_SUITE("seqpacket pair") {
  TEST_CASE("each message arrives as it was sent, in both directions") {
    const auto [one, other] = make_seqpacket_pair("test");
    std::array<char, 16> into{};
    for (const auto& [from, to] : {std::pair(&one, &other), std::pair(&other, &one)}) {
      REQUIRE(::send(from->get(), "first", 5, 0) == 5);
      REQUIRE(::send(from->get(), "2nd", 3, 0) == 3);
      CHECK(::recv(to->get(), into.data(), into.size(), 0) == 5);
      CHECK(::recv(to->get(), into.data(), into.size(), 0) == 3);
    }
  }

  TEST_CASE("nobody waits at it, and programs that are executed do not inherit it") {
    const auto [one, other] = make_seqpacket_pair("test");
    for (const UniqueFd* end : {&one, &other}) {
      CHECK((::fcntl(end->get(), F_GETFL) & O_NONBLOCK) != 0);
      CHECK((::fcntl(end->get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
  }

  TEST_CASE("an error says what the pair was for") {
    std::exception_ptr thrown;
    {
      const test::NoDescriptors none;
      try {
        make_seqpacket_pair("inbox");
      } catch (const std::system_error&) {
        thrown = std::current_exception();
      }
    }
    // Only now: a sanitizer that looks at the error's type needs a descriptor for that.
    REQUIRE(thrown);
    CHECK_THROWS_WITH_AS(std::rethrow_exception(thrown), "socketpair inbox: Too many open files",
                         std::system_error);
  }
}
