#pragma once

#include <sys/types.h>

#include <csignal>
#include <initializer_list>
#include <optional>

#include "runtime/support/unique_fd.hpp"

namespace appd::support {

/// Keeps signals blocked in the calling thread (and in threads it starts meanwhile); the destructor
/// puts back the mask that was there before.
class BlockedSignals {
 public:
  explicit BlockedSignals(std::initializer_list<int> signals);
  explicit BlockedSignals(const sigset_t& signals);
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

  const sigset_t& set() const noexcept { return set_; }
  /// The mask from before, for a forked child that leaves the parent's blocking behind.
  const sigset_t& previous() const noexcept { return previous_; }

 private:
  sigset_t set_;
  sigset_t previous_;
};

/// A descriptor (non-blocking, close-on-exec) that delivers the signals of `set`, which must be
/// blocked. Throws std::system_error.
UniqueFd open_signal_fd(const sigset_t& set);

struct ReceivedSignal {
  int number = 0;
  pid_t sender = 0;  ///< 0: the kernel, such as a timer's
  uid_t user = 0;    ///< of the sender
};

/// The next pending signal, or none.
std::optional<ReceivedSignal> try_read_signal(const UniqueFd& signal_fd) noexcept;

}  // namespace appd::support
