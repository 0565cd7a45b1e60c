// Waits for a condition, with the patience that all tests share.
#pragma once

#include <chrono>
#include <thread>

namespace appd::test {

/// The longest that a test waits for anything; far above what a slow machine needs.
inline constexpr std::chrono::seconds kPatience{30};

/// Polls until `condition` holds. False if it never did.
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
