#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/known_name.hpp"
#include "runtime/gateway/variable_name.hpp"
#include "runtime/gateway/variables.hpp"
#include "runtime/support/same_text.hpp"

namespace appd::gateway {

/// All that a name tells of a variable.
struct NameFacts {
  NameUse use;
  KnownName known;
  std::uint32_t hash;  ///< as of HashedName
};

/// Where the variables that the server looks at are among those that pass.
class KnownPlaces {
 public:
  static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

  KnownPlaces() noexcept { clear(); }
  void clear() noexcept { places_.fill(kNowhere); }
  void note(KnownName name, std::size_t place) noexcept {
    if (name != KnownName::none) places_[index(name)] = static_cast<std::uint32_t>(place);
  }
  std::uint32_t of(KnownName name) const noexcept { return places_[index(name)]; }

 private:
  static std::size_t index(KnownName name) noexcept { return static_cast<std::size_t>(name); }

  std::array<std::uint32_t, kKnownNames> places_;
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
  /// Names these very ones, in this order: no other layout of the process has or had it. Not 0.
  std::uint64_t id() const noexcept { return id_; }
  /// All names are of use NameUse::pass.
  bool all_pass() const noexcept { return passing_ == entries_.size(); }
  const KnownPlaces& known() const noexcept { return known_; }

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

  static std::uint64_t next_id() noexcept;
  void note_passing(const NameFacts& facts) noexcept;

  std::vector<Entry> entries_;
  std::string text_;
  KnownPlaces known_;
  std::size_t passing_ = 0;
  std::uint64_t id_ = next_id();
};

/// The layouts of requests that were seen lately. Used by one thread at a time.
class NameLayouts {
 public:
  /// The one for requests of as many names of these lengths.
  NameLayout& layout_for(std::span<const Variable> sent) noexcept {
    std::size_t shape = sent.size();
    for (const Variable& variable : sent) shape += variable.name.size();
    return layouts_[shape % layouts_.size()];
  }

 private:
  std::array<NameLayout, 16> layouts_;
};

}  // namespace appd::gateway
