// Tests of the moving average of calls.

#include "runtime/pool/call_average.hpp"

#include <doctest/doctest.h>

using appd::pool::CallAverage;
using namespace std::chrono_literals;

namespace {

/// How many calls of this length make calls slow, or short again.
int calls_until(CallAverage& average, bool slow, std::chrono::nanoseconds call) {
  int calls = 0;
  while (average.is_slow() != slow && calls < 1000) {
    average.note(call);
    ++calls;
  }
  return calls;
}

}  // namespace

TEST_SUITE("call average") {
  TEST_CASE("calls are short until they are known to be slow") {
    CallAverage average;
    CHECK_FALSE(average.is_slow());
    CHECK(calls_until(average, true, 300us) == 1000);
    CHECK(calls_until(average, true, 310us) < 1000);
  }

  TEST_CASE("one very long call weighs no more than one of 5 ms") {
    CallAverage average;
    average.note(1h);
    CHECK(average.is_slow());
    CHECK(calls_until(average, false, 10us) == 1);
  }

  TEST_CASE("a few slow calls do not outweigh many short ones, and the other way round") {
    CallAverage average;
    CHECK(calls_until(average, true, 1ms) == 6);
    for (int i = 0; i < 100; ++i) average.note(1ms);
    CHECK(calls_until(average, false, 10us) == 20);
  }
}
