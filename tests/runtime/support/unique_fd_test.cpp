// Tests of the owner of a descriptor.

#include "runtime/support/unique_fd.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <utility>

using appd::support::UniqueFd;

namespace {

UniqueFd open_null() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}
bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

}  // namespace

TEST_SUITE("unique fd") {
  TEST_CASE("the owner's end closes the descriptor") {
    int fd = -1;
    {
      const UniqueFd owner = open_null();
      fd = owner.get();
      CHECK(owner);
      CHECK(is_open(fd));
    }
    CHECK(!is_open(fd));
  }

  TEST_CASE("a moved-from owner owns nothing") {
    UniqueFd first = open_null();
    const int fd = first.get();
    UniqueFd second = std::move(first);
    CHECK(first.get() == -1);
    CHECK(!first);
    CHECK(second.get() == fd);
    CHECK(is_open(fd));
  }

  TEST_CASE("assignment closes what was owned before") {
    UniqueFd owner = open_null();
    UniqueFd other = open_null();
    const int old = owner.get();
    const int taken = other.get();
    owner = std::move(other);
    CHECK(!is_open(old));
    CHECK(owner.get() == taken);
    CHECK(is_open(taken));
  }

  TEST_CASE("a released descriptor stays open, a reset one does not") {
    UniqueFd owner = open_null();
    const int fd = owner.release();
    CHECK(is_open(fd));
    owner.reset(fd);
    CHECK(is_open(fd));
    owner.reset();
    CHECK(!is_open(fd));
    CHECK(!owner);
  }
}
