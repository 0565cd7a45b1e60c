#pragma once

namespace appd::support {

/// For a process that has finished its start: lets go of the pages of programs and libraries that
/// it has touched and not changed. What is touched again is mapped again, mostly from the kernel's
/// cache; the rest, such as what was only needed to import and to initialise, counts for no process
/// any more, and the kernel may use its room when memory is short. Without /proc it does nothing.
void release_unchanged_file_pages() noexcept;

/// Gives the pages of free blocks back to the kernel, in the heaps of all threads: by itself the C
/// library keeps a heap whose last block is in use. Takes milliseconds when there is much.
void release_free_heap_pages() noexcept;

}  // namespace appd::support
