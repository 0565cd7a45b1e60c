// The inboxes of a generation's workers.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/peers/connection_channel.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::peers {

/// Holds the connections that workers give to each other. Each worker has an inbox: a channel that
/// is open in all workers, and that its owner empties. Made before the first fork. When a worker
/// dies, the master gives what lies in its inbox to any worker that serves (`recover`), since not
/// every worker is replaced.
class Inboxes {
 public:
  /// Throws std::system_error. One worker needs none.
  explicit Inboxes(unsigned workers);

  std::span<const ConnectionChannel> boxes() const noexcept { return {boxes_.get(), count_}; }
  /// Closes all ends, in a process that has nothing to do with these workers.
  void close() noexcept;
  /// Gives all ends away.
  std::vector<support::UniqueFd> release();

 private:
  std::size_t count_;
  std::unique_ptr<ConnectionChannel[]> boxes_;
};

}  // namespace appd::peers
