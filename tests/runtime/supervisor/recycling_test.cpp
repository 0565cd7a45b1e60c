// Tests of the limits after which workers are replaced.

#include "runtime/supervisor/recycling.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace appd::supervisor;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

std::string reason(const RecyclingLimits& limits, const Usage& usage) {
  return recycling_reason(limits, usage).value_or("");
}

}  // namespace

TEST_SUITE("recycling") {
  TEST_CASE("without limits a worker lasts for ever") {
    CHECK_FALSE(RecyclingLimits{}.any());
    CHECK(reason({}, {1'000'000'000, 1000h, 1ull << 40}) == "");
  }

  TEST_CASE("each limit is reached, and named, by itself") {
    RecyclingLimits limits;
    limits.requests = 100;
    CHECK(limits.any());
    CHECK(reason(limits, {99, 1000h, 1ull << 40}) == "");
    CHECK(reason(limits, {100, 0s, {}}) == "it has answered 100 requests (--max-requests)");
    limits = {};
    limits.lifetime = 90s;
    CHECK(limits.any());
    CHECK(reason(limits, {1'000'000, 89s, {}}) == "");
    CHECK(reason(limits, {0, 90s, {}}) == "it has lived for 90.0 s (--max-lifetime)");
    limits = {};
    limits.memory = 100 * kMiB;
    CHECK(limits.any());
    CHECK(reason(limits, {1'000'000, 1000h, {}}) == "");
    CHECK(reason(limits, {0, 0s, 100 * kMiB}) == "");
    CHECK(reason(limits, {0, 0s, 100 * kMiB + kMiB / 2}) == "it uses 100.5 MiB (--max-memory)");
  }

  TEST_CASE("jitter is added to what has a limit") {
    const Random most = [](std::uint64_t limit) { return limit; };
    RecyclingLimits limits{100, 7, 60s, 6s, kMiB};
    const RecyclingLimits drawn = draw(limits, most);
    CHECK(drawn.requests == 107);
    CHECK(drawn.lifetime == 66s);
    CHECK(drawn.memory == kMiB);
    CHECK(draw(limits, [](std::uint64_t) { return 0; }).requests == 100);
    limits.requests = 0;
    limits.lifetime = 0s;
    CHECK(draw(limits, most).requests == 0);
    CHECK(draw(limits, most).lifetime == 0s);
  }

  TEST_CASE("growth is told for each request") {
    CHECK(describe_growth(10 * kMiB, 12 * kMiB, 1024) == "2.0 KiB a request");
    CHECK(describe_growth(10 * kMiB, 14 * kMiB, 2) == "2.0 MiB a request");
    CHECK(describe_growth(12 * kMiB, 10 * kMiB, 1024) == "-2.0 KiB a request");
    CHECK(describe_growth(10 * kMiB, 12 * kMiB, 0) == "");
  }
}
