// Tests of byte ranges for gathered writes.

#include <doctest/doctest.h>

#include <string>

#include "protocol/gathered.hpp"
#include "protocol/response_framer.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

TEST_SUITE("gather") {
  TEST_CASE("ranges view the caller's bytes, framing is copied") {
    Gather out;
    const std::string body = "body";
    std::string framing = "frame";
    out.add_copy(framing);
    framing.assign(5, '?');
    out.add(body);
    REQUIRE_EQ(out.parts().size(), 2);
    CHECK_EQ(out.parts()[1].iov_base, body.data());
    CHECK_EQ(joined(out), "framebody");
    CHECK_EQ(out.size(), 9);
  }

  TEST_CASE("framing after framing is one range, and nothing is none") {
    Gather out;
    out.add("");
    out.add_copy("");
    CHECK(out.parts().empty());
    out.add_copy("ab");
    out.add_copy("cd");
    CHECK_EQ(out.parts().size(), 1);
    CHECK_EQ(joined(out), "abcd");
  }

  TEST_CASE("more framing never moves what is there") {
    Gather out;
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
      const auto framing = "framing number " + std::to_string(i);
      out.add_copy(framing);
      out.add("|");
      expected += framing + "|";
    }
    CHECK_EQ(joined(out), expected);
    CHECK_EQ(out.size(), expected.size());
  }

  TEST_CASE("clear forgets the ranges and uses the memory again") {
    Gather out;
    out.add_copy("first");
    const void* const place = out.parts()[0].iov_base;
    for (int i = 0; i < 100; ++i) out.add_copy(std::string(40, 'x'));
    out.clear();
    CHECK(out.parts().empty());
    CHECK_EQ(out.size(), 0);
    out.add_copy("second");
    CHECK_EQ(out.parts()[0].iov_base, place);
    CHECK_EQ(joined(out), "second");
  }
}

}  // namespace
}  // namespace appd::protocol
