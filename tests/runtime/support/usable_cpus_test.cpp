// Tests of the number of CPUs that this process may use.

#include "runtime/support/usable_cpus.hpp"

#include <doctest/doctest.h>
#include <sched.h>

using namespace appd::support;

TEST_SUITE("usable cpus") {
  TEST_CASE("affinity is the most, and is looked at each time") {
    cpu_set_t before;
    REQUIRE(::sched_getaffinity(0, sizeof(before), &before) == 0);
    CHECK(usable_cpus() >= 1);
    CHECK(usable_cpus() <= static_cast<unsigned>(CPU_COUNT(&before)));
    cpu_set_t one;
    CPU_ZERO(&one);
    int first = 0;
    while (!CPU_ISSET(first, &before)) ++first;
    CPU_SET(first, &one);
    REQUIRE(::sched_setaffinity(0, sizeof(one), &one) == 0);
    CHECK(usable_cpus() == 1);
    REQUIRE(::sched_setaffinity(0, sizeof(before), &before) == 0);
  }
}
