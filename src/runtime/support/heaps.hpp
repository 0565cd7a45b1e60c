// The heaps of the C library, of which each thread would get one of its own.
#pragma once

namespace appd::support {

/// Lets all threads share two heaps, unless the environment says how many there are to be
/// (MALLOC_ARENA_MAX, GLIBC_TUNABLES). What one thread has freed another can use then: memory
/// follows what is in use, not the number of threads that have ever been busy. Threads of Python
/// seldom allocate at the same time, since one at a time has the interpreter. Call it while the
/// process has one thread.
void share_heaps() noexcept;

/// Returns the pages of free blocks to the kernel, from all heaps. The C library by itself keeps a
/// heap whose last block is in use. Takes milliseconds if there is much to return. Any thread.
void release_free_heap_pages() noexcept;

}  // namespace appd::support
