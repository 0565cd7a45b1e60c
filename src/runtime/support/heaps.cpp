// Sets and trims the heaps of glibc. Other C libraries have their own ways.

#include "runtime/support/heaps.hpp"

#include <malloc.h>

#include <cstdlib>

namespace appd::support {

void share_heaps() noexcept {
#ifdef __GLIBC__
  if (std::getenv("MALLOC_ARENA_MAX") || std::getenv("GLIBC_TUNABLES")) return;
  ::mallopt(M_ARENA_MAX, 2);
#endif
}

void release_free_heap_pages() noexcept {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace appd::support
