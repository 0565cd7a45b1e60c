#pragma once

#include <set>

namespace appd::support {

// Which descriptors of this process are appd's. A process that the application forks has copies of
// them, and must not keep one: a port would stay bound, a front would wait for the end of a
// connection, a watched socket would stay in the loop's epoll. `UniqueFd` keeps the account of what
// it owns; the rest is claimed here.
//
// (Between the system call that opens a descriptor and its owner's constructor lie nanoseconds, in
// which a fork on another thread copies one that is not known yet.)

/// `fd` is appd's from now on, or no longer. Any thread; numbers above a million are not kept.
void own_descriptor(int fd) noexcept;
void disown_descriptor(int fd) noexcept;

/// Closes all of them. Async-signal-safe: for a child after a fork.
void close_own_descriptors() noexcept;

/// What is opened while one exists, by a library that owns its descriptors itself, is appd's until
/// the process ends. The process must have no other thread that opens some. Throws
/// std::system_error.
class DescriptorClaim {
 public:
  DescriptorClaim();
  /// Once, when all is open.
  void finish();

 private:
  std::set<int> before_;
};

}  // namespace appd::support
