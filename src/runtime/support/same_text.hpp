// A comparison of short texts without a call.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace appd::support {

/// `a == b`, inline. For short texts that are usually equal: there the call of memcmp costs more
/// than the comparison.
inline bool same_text(std::string_view a, std::string_view b) noexcept {
  const auto words_differ = [&](std::size_t at) {
    std::uint64_t one;
    std::uint64_t other;
    std::memcpy(&one, a.data() + at, sizeof one);
    std::memcpy(&other, b.data() + at, sizeof other);
    return one != other;
  };
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const std::size_t size = a.size();
  if (size != b.size()) return false;
  if (size < kWord) {
    for (std::size_t i = 0; i < size; ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }
  for (std::size_t at = 0; at + kWord <= size; at += kWord) {
    if (words_differ(at)) return false;
  }
  return !words_differ(size - kWord);  // the last eight bytes, partly compared already
}

}  // namespace appd::support
