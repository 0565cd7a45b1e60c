// Finds a request's variables by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/gateway/variables.hpp"

namespace appd::gateway {

/// A name with its hash, for repeated look-ups. Clients choose the names of headers, so the hash is
/// seeded per process: nobody can prepare names that collide.
struct HashedName {
  explicit HashedName(std::string_view name) noexcept;

  std::string_view text;
  std::uint32_t hash;
};

/// Finds variables by name: a hash index over a list, which each call passes in.
class NameIndex {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};

  /// Forgets all names and makes room for `names` of them. A warm index allocates nothing.
  void reset(std::size_t names);

  /// Frees memory that only a long list needed. Call `reset` before the next use.
  void give_back_memory() noexcept {
    if (slots_.capacity() > kWarmSlots) std::vector<Slot>().swap(slots_);
  }

  /// The position of `name` in `list`, or kNone.
  std::size_t find(const HashedName& name, std::span<const Variable> list) const noexcept;

  /// The position of `name` in `list`. If it is not there, returns kNone and notes `name` for
  /// `place`, where the caller must put it. `reset` must have made room.
  std::size_t find_or_note(const HashedName& name, std::size_t place,
                           std::span<const Variable> list) noexcept;

  /// Notes a name that is known to be new, by its hash. Takes room that `reset` made.
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

  std::vector<Slot> slots_;  // size is a power of two; at most half are used
};

}  // namespace appd::gateway
