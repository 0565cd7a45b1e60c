// Blocked signals, and a descriptor that delivers them.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <initializer_list>
#include <optional>

#include "runtime/support/unique_fd.hpp"

namespace appd::support {

/// Blocks signals in the calling thread, and in threads that it starts meanwhile. The destructor
/// restores the previous mask.
class BlockedSignals {
 public:
  explicit BlockedSignals(std::initializer_list<int> signals);
  explicit BlockedSignals(const sigset_t& signals);
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

  const sigset_t& set() const noexcept { return set_; }
  /// The previous mask, for a forked child that drops the parent's blocking.
  const sigset_t& previous() const noexcept { return previous_; }

 private:
  sigset_t set_;
  sigset_t previous_;
};

/// Opens a descriptor (non-blocking, close-on-exec) that delivers the signals of `set`. They must
/// be blocked. Throws std::system_error.
UniqueFd open_signal_fd(const sigset_t& set);

struct ReceivedSignal {
  int number = 0;
  pid_t sender = 0;  ///< 0 if the kernel sent it, such as a timer's
  uid_t user = 0;    ///< of the sender
};

/// The next pending signal; std::nullopt if there is none.
std::optional<ReceivedSignal> try_read_signal(const UniqueFd& signal_fd) noexcept;

}  // namespace appd::support
