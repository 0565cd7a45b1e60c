// Remembers names that were logged, so that each is logged once.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace appd::net {

/// Names that the log has been told of, so that it is told of each once. Bounded, in case somebody
/// makes names up: once it is full, no name is new any more. Loop's thread.
class ToldNames {
 public:
  static constexpr std::size_t kMost = 64;
  static constexpr std::size_t kLongest = 128;

  /// Returns true the first time that it sees `name`.
  bool is_new(std::string_view name) {
    if (names_.size() >= kMost || name.size() > kLongest) return false;
    return names_.emplace(name).second;
  }

 private:
  std::set<std::string, std::less<>> names_;
};

}  // namespace appd::net
