// Tests of the monotonic clock.

#include "runtime/support/monotonic.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace appd::support;

namespace {

std::int64_t steady_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

TEST_SUITE("monotonic") {
  TEST_CASE("the clock is the steady clock") {
    const std::int64_t before = steady_ns();
    const std::int64_t now = monotonic_ns();
    CHECK(before <= now);
    CHECK(now <= steady_ns());
  }
}
