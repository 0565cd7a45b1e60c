// Reads CLOCK_MONOTONIC and its coarse variant as nanoseconds.

#include "runtime/support/monotonic.hpp"

#include <ctime>

namespace appd::support {
namespace {

std::int64_t read_clock(clockid_t clock) noexcept {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::int64_t monotonic_ns() noexcept {
  return read_clock(CLOCK_MONOTONIC);
}

std::int64_t coarse_monotonic_ns() noexcept {
  return read_clock(CLOCK_MONOTONIC_COARSE);
}

}  // namespace appd::support
