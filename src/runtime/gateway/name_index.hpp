#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/gateway/variables.hpp"

namespace appd::gateway {

/// A name with its hash, for names that are looked up again and again. Clients choose header names,
/// so the hash is seeded per process: nobody can prepare names that fall together.
struct HashedName {
  explicit HashedName(std::string_view name) noexcept;

  std::string_view text;
  std::uint32_t hash;
};

/// Finds variables by name: a hash index over a list that it is given with each call.
class NameIndex {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};

  /// Forgets all and makes room for `names` of them; a warm index allocates nothing.
  void reset(std::size_t names);

  /// Gives memory back that only a long list has needed. To be `reset` before it is used again.
  void give_back_memory() noexcept {
    if (slots_.capacity() > kWarmSlots) std::vector<Slot>().swap(slots_);
  }

  /// The place of `name` in `list`, or kNone.
  std::size_t find(const HashedName& name, std::span<const Variable> list) const noexcept;

  /// The place of `name` in `list`, or kNone: `name` is then noted for `place`, where the caller
  /// puts it. At most as many names as `reset` was told.
  std::size_t find_or_note(const HashedName& name, std::size_t place,
                           std::span<const Variable> list) noexcept;

  /// Notes a name that is known to be new, by its hash. Counts as one of those that `reset` was
  /// told.
  void note(std::uint32_t hash, std::size_t place) noexcept;

 private:
  struct Slot {
    std::uint32_t hash;
    std::uint32_t place;
  };
  static constexpr std::size_t kWarmSlots = 4096;
  static constexpr std::uint32_t kFree = ~std::uint32_t{0};

  /// The slot of `name`, or the free one where it belongs.
  std::size_t probe(const HashedName& name, std::span<const Variable> list) const noexcept;

  std::vector<Slot> slots_;  // a power of two, at most half full
};

}  // namespace appd::gateway
