// A bitmap of the descriptors that are appd's, readable after a fork.

#include "runtime/support/own_descriptors.hpp"

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "runtime/support/throw_errno.hpp"

namespace appd::support {
namespace {

constexpr unsigned kWordBits = 64;
constexpr unsigned kMost = 1U << 20;  // the kernel's default for fs.nr_open

// One bit per number. Pages that no number has reached take no memory.
std::array<std::atomic<std::uint64_t>, kMost / kWordBits> owned{};
std::atomic<unsigned> words{0};  // words beyond were never used

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

std::uint64_t bit_of(unsigned number) noexcept {
  return std::uint64_t{1} << (number % kWordBits);
}

/// All open descriptors, except the one that lists them.
std::set<int> open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  if (!folder) throw_errno("opendir", "/proc/self/fd");
  std::set<int> found;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] != '.') found.insert(std::atoi(entry->d_name));
  }
  found.erase(::dirfd(folder.get()));
  return found;
}

}  // namespace

void own_descriptor(int fd) noexcept {
  const auto number = static_cast<unsigned>(fd);
  if (number >= kMost) return;  // negative numbers too
  const unsigned word = number / kWordBits;
  owned[word].fetch_or(bit_of(number), std::memory_order_relaxed);
  unsigned used = words.load(std::memory_order_relaxed);
  while (used <= word && !words.compare_exchange_weak(used, word + 1, std::memory_order_relaxed)) {
  }
}

void disown_descriptor(int fd) noexcept {
  const auto number = static_cast<unsigned>(fd);
  if (number >= kMost) return;
  owned[number / kWordBits].fetch_and(~bit_of(number), std::memory_order_relaxed);
}

void close_own_descriptors() noexcept {
  const unsigned used = words.load(std::memory_order_relaxed);
  for (unsigned word = 0; word < used; ++word) {
    std::uint64_t left = owned[word].exchange(0, std::memory_order_relaxed);
    for (; left != 0; left &= left - 1) {
      ::close(static_cast<int>(word * kWordBits) + std::countr_zero(left));
    }
  }
}

DescriptorClaim::DescriptorClaim() : before_(open_descriptors()) {}

void DescriptorClaim::finish() {
  for (const int fd : open_descriptors()) {
    if (!before_.contains(fd)) own_descriptor(fd);
  }
}

}  // namespace appd::support
