// A global operator new that counts, for tests of allocations.
#pragma once

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

// Replaces the global operator new by one that counts. Include it in one translation unit of a test
// program.

namespace appd::fakes {
inline std::atomic<std::size_t> allocations{0};

/// Bytes that malloc has given out and not got back.
inline std::size_t bytes_in_use() noexcept {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}
}  // namespace appd::fakes

// Not inlined: GCC would see malloc'ed memory meet operator delete and warn
// (mismatched-new-delete).
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++appd::fakes::allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
