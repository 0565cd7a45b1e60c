// A worker's account of response bytes that fronts have not taken.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>

#include "runtime/gateway/reporter.hpp"
#include "runtime/net/spool_quota.hpp"

namespace appd::net {

/// Counts the response bytes that all connections of a worker keep in memory because their fronts
/// have not taken them, and knows where a response goes if it would be too much. Any thread.
/// Outlives the connections.
class OutgoingMemory {
 public:
  /// Beyond `most` bytes, large leftovers go to files in `spool_dir`, as far as `quota` allows. A
  /// null `quota` is no limit.
  OutgoingMemory(std::size_t most, const std::string& spool_dir, SpoolQuota* quota,
                 gateway::Reporter& reporter) noexcept
      : most_(most), spool_dir_(spool_dir), quota_(quota), reporter_(reporter) {}

  void add(std::size_t bytes) noexcept {
    const std::size_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes > most_ / 2) swollen_.store(true, std::memory_order_relaxed);
  }
  void take(std::size_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  bool has_room_for(std::size_t bytes) const noexcept { return used() + bytes <= most_; }
  /// Returns true once after more than half of `most` was used and most of that is free again.
  bool take_ebb() noexcept {
    return swollen_.load(std::memory_order_relaxed) && used() <= most_ / 8 &&
           swollen_.exchange(false, std::memory_order_relaxed);
  }
  bool used_up() const noexcept { return used() >= most_; }

  const std::string& spool_dir() const noexcept { return spool_dir_; }
  SpoolQuota* quota() const noexcept { return quota_; }
  gateway::Reporter& reporter() const noexcept { return reporter_; }

 private:
  const std::size_t most_;
  const std::string& spool_dir_;  // the server's options outlive it
  SpoolQuota* const quota_;
  gateway::Reporter& reporter_;
  std::atomic<std::size_t> used_{0};
  std::atomic<bool> swollen_{false};
};

}  // namespace appd::net
