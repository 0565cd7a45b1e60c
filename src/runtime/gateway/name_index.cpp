// A seeded hash for names, and the open-addressing index that uses it.

#include "runtime/gateway/name_index.hpp"

#include <bit>
#include <cassert>
#include <cstring>
#include <random>

namespace appd::gateway {
namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t make_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// Set once, before any name is hashed. Forked children share it, which does no harm.
std::uint64_t seed() {
  static const std::uint64_t value = make_seed();
  return value;
}

// The full 128-bit product is folded: with a plain multiplication, whatever the seed, a chosen
// difference of two names would pass through unchanged.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

template <typename Word>
std::uint64_t load(const char* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// The last bytes of a name: up to eight, read with overlapping loads.
std::uint64_t load_tail(const char* from, std::size_t size) noexcept {
  if (size >= 4) {
    return load<std::uint32_t>(from) << 32 | load<std::uint32_t>(from + size - 4);
  }
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < size; ++i) word = word << 8 | static_cast<unsigned char>(from[i]);
  return word;
}

std::uint32_t hash_of(std::string_view name) noexcept {
  constexpr std::uint64_t kOdd1 = 0x9e3779b97f4a7c15;
  constexpr std::uint64_t kOdd2 = 0xd1342543de82ef95;
  const std::uint64_t key = seed();
  std::uint64_t hash = key ^ (name.size() * kOdd1);
  const char* at = name.data();
  std::size_t left = name.size();
  for (; left > 8; left -= 8, at += 8) {
    hash = fold(hash ^ load<std::uint64_t>(at), key ^ kOdd2);
  }
  hash = fold(hash ^ load_tail(at, left), key ^ kOdd1);
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

}  // namespace

HashedName::HashedName(std::string_view name) noexcept : text(name), hash(hash_of(name)) {}

void NameIndex::reset(std::size_t names) {
  slots_.assign(std::bit_ceil(2 * names + 2), Slot{0, kFree});
}

std::size_t NameIndex::probe(const HashedName& name,
                             std::span<const Variable> list) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = name.hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.place == kFree) return at;
    if (slot.hash == name.hash && list[slot.place].name == name.text) return at;
  }
}

std::size_t NameIndex::find(const HashedName& name, std::span<const Variable> list) const noexcept {
  const Slot& slot = slots_[probe(name, list)];
  return slot.place == kFree ? kNone : slot.place;
}

std::size_t NameIndex::find_or_note(const HashedName& name, std::size_t place,
                                    std::span<const Variable> list) noexcept {
  assert(place < kFree && 2 * place < slots_.size());
  Slot& slot = slots_[probe(name, list)];
  if (slot.place != kFree) return slot.place;
  slot = {name.hash, static_cast<std::uint32_t>(place)};
  return kNone;
}

void NameIndex::note(std::uint32_t hash, std::size_t place) noexcept {
  assert(place < kFree && 2 * place < slots_.size());
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].place != kFree) at = (at + 1) & mask;
  slots_[at] = {hash, static_cast<std::uint32_t>(place)};
}

}  // namespace appd::gateway
