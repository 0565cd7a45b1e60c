// Gives memory back to the kernel that only a process's start needed.
#pragma once

namespace appd::support {

/// Call it when a process has finished its start. Drops the pages of programs and libraries that
/// were touched but not changed. Pages touched again are mapped again, mostly from the kernel's
/// cache. The others, such as code that only imports and initialises, no longer count for any
/// process, and the kernel may reuse them when memory is short. Does nothing without /proc.
void release_unchanged_file_pages() noexcept;

}  // namespace appd::support
