// The account of which descriptors are appd's, so that the application's forks can close them.
#pragma once

#include <set>

namespace appd::support {

// A process that the application forks has copies of appd's descriptors and must not keep one: a
// port would stay bound, a front would wait for the end of a connection, a watched socket would
// stay in the loop's epoll. `UniqueFd` records what it owns; other descriptors are claimed here.
//
// (Nanoseconds pass between the system call that opens a descriptor and its owner's constructor. A
// fork on another thread in that moment copies a descriptor that is not known yet.)

/// Marks `fd` as appd's, or no longer appd's. Any thread. Numbers above a million are not recorded.
void own_descriptor(int fd) noexcept;
void disown_descriptor(int fd) noexcept;

/// Closes all of them. Async-signal-safe; meant for a child after a fork.
void close_own_descriptors() noexcept;

/// For libraries that own their descriptors themselves: what they open between construction and
/// `finish` is appd's until the process ends. No other thread may open descriptors meanwhile.
/// Throws std::system_error.
class DescriptorClaim {
 public:
  DescriptorClaim();
  /// Call once, when everything is open.
  void finish();

 private:
  std::set<int> before_;
};

}  // namespace appd::support
