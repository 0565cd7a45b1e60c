#pragma once

#include <cstddef>
#include <deque>
#include <string>

namespace appd::gateway {

/// Strings that stay where they are until `clear`, and are then used again with their memory.
class StringPool {
 public:
  std::string& next() {
    if (used_ == strings_.size()) strings_.emplace_back();
    std::string& string = strings_[used_++];
    string.clear();
    return string;
  }

  void clear() noexcept {
    used_ = 0;
    while (strings_.size() > kKept) strings_.pop_back();
  }

 private:
  static constexpr std::size_t kKept = 32;  // more than an ordinary request needs

  std::deque<std::string> strings_;
  std::size_t used_ = 0;
};

}  // namespace appd::gateway
