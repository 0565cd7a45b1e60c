// Tests of Unix socket addresses at their largest.

#include "runtime/support/unix_address.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>

using namespace appd::support;

namespace {

constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path);

std::string_view bytes_of(const UnixAddress& address) {
  return {address.address.sun_path, address.size - kBefore};
}

}  // namespace

TEST_SUITE("unix address") {
  TEST_CASE("a path ends in a zero byte, a name of the abstract namespace begins with one") {
    using namespace std::string_view_literals;
    CHECK(bytes_of(path_address("/a/b").value()) == "/a/b\0"sv);
    CHECK(bytes_of(abstract_address("name").value()) == "\0name"sv);
    CHECK(path_address("/a")->get()->sa_family == AF_UNIX);
  }

  TEST_CASE("the longest fits, and one more byte does not") {
    const std::string longest(kMostUnixName, 'x');
    CHECK(path_address(longest)->size == sizeof(sockaddr_un));
    CHECK(abstract_address(longest)->size == sizeof(sockaddr_un));
    CHECK_FALSE(path_address(longest + "x"));
    CHECK_FALSE(abstract_address(longest + "x"));
  }
}
