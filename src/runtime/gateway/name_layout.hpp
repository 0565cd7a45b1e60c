// What is remembered of the variable names of recent requests.
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

/// Everything that a name says about a variable.
struct NameFacts {
  NameUse use;
  KnownName known;
  std::uint32_t hash;  ///< the hash of HashedName
};

/// Positions of known variables among those that pass.
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

/// The names that a request began with, in order, and what is known of each. Fronts send nearly the
/// same names with every request, and comparing a name is cheaper than classifying it. The size is
/// bounded, whatever clients send. All names differ from each other.
class NameLayout {
 public:
  std::size_t size() const noexcept { return entries_.size(); }
  const NameFacts& operator[](std::size_t place) const noexcept { return entries_[place].facts; }
  /// Whether the name at `place` is `name`. `place` may be past the end.
  bool has(std::size_t place, std::string_view name) const noexcept {
    if (place >= entries_.size()) return false;
    const Entry& entry = entries_[place];
    return support::same_text({text_.data() + entry.begin, entry.size}, name);
  }
  /// Identifies exactly these names in this order: no other layout in this process has or had it.
  /// Never 0.
  std::uint64_t id() const noexcept { return id_; }
  /// Whether all names are of use NameUse::pass.
  bool all_pass() const noexcept { return passing_ == entries_.size(); }
  const KnownPlaces& known() const noexcept { return known_; }

  /// Forgets the names from `place` on.
  void cut(std::size_t place);
  /// Appends a name. Returns false if there is no room; then no other name may be appended either.
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

/// The layouts of recent requests. Used by one thread at a time.
class NameLayouts {
 public:
  /// The layout for requests with this number of names and these lengths.
  NameLayout& layout_for(std::span<const Variable> sent) noexcept {
    std::size_t shape = sent.size();
    for (const Variable& variable : sent) shape += variable.name.size();
    return layouts_[shape % layouts_.size()];
  }

 private:
  std::array<NameLayout, 16> layouts_;
};

}  // namespace appd::gateway
