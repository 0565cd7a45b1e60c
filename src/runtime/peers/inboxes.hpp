// The inboxes of a generation's workers.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "runtime/peers/connection_channel.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::peers {

/// Holds the connections that workers give to each other. Each worker has an inbox: a channel that
/// is open in all workers, and that its owner empties. The master makes them and hands them to each
/// worker. When a worker dies, the master gives what lies in its inbox to any worker that serves
/// (`recover`), since not every worker is replaced.
class Inboxes {
 public:
  /// Throws std::system_error. One worker needs none.
  explicit Inboxes(unsigned workers);
  /// Takes those that another process has made.
  explicit Inboxes(std::vector<ConnectionChannel> boxes) noexcept : boxes_(std::move(boxes)) {}

  std::span<const ConnectionChannel> boxes() const noexcept { return boxes_; }
  /// Gives all ends away.
  std::vector<support::UniqueFd> release();

 private:
  std::vector<ConnectionChannel> boxes_;
};

}  // namespace appd::peers
