// Bytes for bodies that must arrive as they were sent.
#pragma once

#include <cstddef>
#include <random>
#include <string>

namespace appd::test {

/// Bytes that show any loss, repetition or exchange of order.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::minstd_rand random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() >> 7);
  return bytes;
}

}  // namespace appd::test
