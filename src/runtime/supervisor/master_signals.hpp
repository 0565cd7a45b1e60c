// The signals that the master obeys or ignores.
#pragma once

#include <csignal>

#include "runtime/support/signals.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// Blocks the master's signals, which are read from a descriptor instead: its orders, SIGCHLD, and
/// those that it does not use but that would kill it. Made before anything that an end has to undo
/// (pid file, sockets), so that even a signal of the first moment leads to an orderly end. From
/// then on SIGPIPE and SIGXFSZ are ignored.
class MasterSignals {
 public:
  /// Throws std::system_error.
  MasterSignals();
  /// Drops pending signals: the end of this process obeys them.
  ~MasterSignals();
  MasterSignals(const MasterSignals&) = delete;
  MasterSignals& operator=(const MasterSignals&) = delete;

  /// To be read with support::try_read_signal.
  const support::UniqueFd& fd() const noexcept { return fd_; }
  /// In a forked child, before it executes a worker's program: puts the mask from before in force,
  /// with the signals blocked that a worker leaves to its master; it unblocks them when it has
  /// handlers. After an upgrade (`upgraded`) the mask from before has all of the master's signals
  /// blocked, since execve keeps the mask; they are taken out of it.
  void prepare_child(bool upgraded) const noexcept;

 private:
  support::BlockedSignals blocked_;
  support::UniqueFd fd_;
};

}  // namespace appd::supervisor
