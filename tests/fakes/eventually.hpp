#pragma once

#include <chrono>
#include <thread>

namespace appd::test {

/// The most that a test waits for anything; far above what a slow machine needs.
inline constexpr std::chrono::seconds kPatience{30};

/// Asks again and again until `condition` holds. False: it never did.
template <typename Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace appd::test
