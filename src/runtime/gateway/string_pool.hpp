// Strings with stable addresses and reusable memory.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

namespace appd::gateway {

/// Strings that keep their addresses until `clear`. Their memory is then reused, except what only a
/// long string needed.
class StringPool {
 public:
  std::string& next() {
    if (used_ == strings_.size()) strings_.emplace_back();
    std::string& string = strings_[used_++];
    string.clear();
    return string;
  }

  void clear() noexcept {
    for (std::size_t i = 0; i < used_ && i < kKept; ++i) {
      if (strings_[i].capacity() > kKeptLength) std::string().swap(strings_[i]);
    }
    used_ = 0;
    while (strings_.size() > kKept) strings_.pop_back();
  }

 private:
  static constexpr std::size_t kKept = 32;  // more than an ordinary request needs
  static constexpr std::size_t kKeptLength = 8192;

  std::deque<std::string> strings_;
  std::size_t used_ = 0;
};

}  // namespace appd::gateway
