// The signals that the master obeys or ignores.
#pragma once

#include <csignal>

#include "runtime/support/signals.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// The signals that order a master about, SIGCHLD, and those that it has no use for but would end
/// by, in its own hands: blocked, and read from a descriptor. Made before anything that an end has
/// to undo (pid file, sockets), so that a signal of the first moment leads to an ordered end too.
/// SIGPIPE and SIGXFSZ are ignored from then on.
class MasterSignals {
 public:
  /// Throws std::system_error.
  MasterSignals();
  /// What is still pending has been obeyed by the end of this process.
  ~MasterSignals();
  MasterSignals(const MasterSignals&) = delete;
  MasterSignals& operator=(const MasterSignals&) = delete;

  /// To be read with support::try_read_signal.
  const support::UniqueFd& fd() const noexcept { return fd_; }
  /// In a forked child, which goes on with `mask_for_children`.
  void close_after_fork() noexcept { fd_.reset(); }
  /// The mask from before. `upgraded`: of a program in the same process that had blocked them, and
  /// what is blocked stays so over execve.
  sigset_t mask_for_children(bool upgraded) const noexcept;

 private:
  support::BlockedSignals blocked_;
  support::UniqueFd fd_;
};

}  // namespace appd::supervisor
