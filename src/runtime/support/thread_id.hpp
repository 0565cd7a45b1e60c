// The kernel's number of the calling thread.
#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace appd::support {

/// As gettid(2), which glibc 2.28 does not have: wheels are built with it.
inline pid_t thread_id() noexcept {
  return static_cast<pid_t>(::syscall(SYS_gettid));
}

}  // namespace appd::support
