// Finds unchanged file pages in /proc/self/smaps and drops them.

#include "runtime/support/release_pages.hpp"

#include <sys/mman.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>

namespace appd::support {
namespace {

/// A mapping's first line in /proc/self/smaps: "7f12a000-7f12c000 r-xp 00000000 08:01 1234
/// /usr/lib/…".
struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool only_read = false;  ///< of a file, private, not writable
};

bool parse_head(const std::string& line, Mapping& mapping) {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  char mode[5] = "";
  unsigned long inode = 0;
  if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %lu", &begin, &end, mode,
                  &inode) != 4) {
    return false;
  }
  mapping = {begin, end, inode != 0 && mode[1] != 'w' && mode[3] == 'p'};
  return true;
}

}  // namespace

void release_unchanged_file_pages() noexcept {
  try {
    std::ifstream smaps("/proc/self/smaps");
    Mapping mapping;
    for (std::string line; std::getline(smaps, line);) {
      if (parse_head(line, mapping)) continue;
      // Changed pages of the mapping are anonymous and must stay: relocations from before it was
      // write-protected, a debugger's breakpoints.
      const bool unchanged = line.starts_with("Anonymous:") && line.ends_with(" 0 kB");
      if (!unchanged || !mapping.only_read) continue;
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives addresses as numbers
      ::madvise(reinterpret_cast<void*>(mapping.begin), mapping.end - mapping.begin, MADV_DONTNEED);
    }
  } catch (const std::exception&) {
    // No memory for this; appd then keeps its pages.
  }
}

}  // namespace appd::support
