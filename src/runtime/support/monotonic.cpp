// Reads CLOCK_MONOTONIC as nanoseconds.

#include "runtime/support/monotonic.hpp"

#include <ctime>

namespace appd::support {

std::int64_t monotonic_ns() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace appd::support
