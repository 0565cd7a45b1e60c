// A global operator new that fails on request.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <thread>

// Replaces the global operator new by one that can fail once. Include it in one translation unit of
// a test program.

namespace appd::fakes {

/// Counts down with each allocation of any thread but `spared`. The allocation that makes it 0
/// fails.
inline std::atomic<long> allocations_left{0};
inline std::atomic<std::thread::id> spared{};

inline bool allocation_fails() noexcept {
  if (allocations_left.load(std::memory_order_relaxed) <= 0) return false;
  return std::this_thread::get_id() != spared.load() && allocations_left.fetch_sub(1) == 1;
}

}  // namespace appd::fakes

// Not inlined: GCC would see malloc'ed memory meet operator delete and warn
// (mismatched-new-delete).
[[gnu::noinline]] void* operator new(std::size_t size) {
  void* const memory =
      appd::fakes::allocation_fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
