#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/known_name.hpp"
#include "runtime/gateway/variable_name.hpp"
#include "runtime/support/same_text.hpp"

namespace appd::gateway {

/// All that a name tells of a variable.
struct NameFacts {
  NameUse use;
  KnownName known;
  std::uint32_t hash;  ///< as of HashedName
};

/// The names that a request began with, in their order, and what is known of each: fronts send
/// nearly the same names with each request, and to compare one is cheaper than to look into it.
/// Bounded, whatever clients send. The names in it differ from each other.
class NameLayout {
 public:
  std::size_t size() const noexcept { return entries_.size(); }
  const NameFacts& operator[](std::size_t place) const noexcept { return entries_[place].facts; }
  /// Whether `name` is the one at `place`, which may be past the end.
  bool has(std::size_t place, std::string_view name) const noexcept {
    if (place >= entries_.size()) return false;
    const Entry& entry = entries_[place];
    return support::same_text({text_.data() + entry.begin, entry.size}, name);
  }

  /// Forgets the names from `place` on.
  void cut(std::size_t place);
  /// Adds a name at the end. False: there is no room; others must not be added behind it either.
  bool add(std::string_view name, const NameFacts& facts);

 private:
  static constexpr std::size_t kMostNames = 128;
  static constexpr std::size_t kMostText = 4096;

  struct Entry {
    std::uint32_t begin;  ///< in text_
    std::uint32_t size;
    NameFacts facts;
  };
  std::vector<Entry> entries_;
  std::string text_;
};

}  // namespace appd::gateway
