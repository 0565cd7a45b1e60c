// The times that requests took, and their percentiles.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace appd::load {

/// Times of requests, counted in buckets that are never wider than 0.1 % of what they hold: memory
/// stays the same however long a run lasts, and adding never allocates.
class Latencies {
 public:
  Latencies();

  void add(std::chrono::nanoseconds latency);

  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds max() const { return std::chrono::nanoseconds(max_); }
  /// The time within which `share` (0 … 1) of all requests were answered; 0 when there were none.
  std::chrono::nanoseconds percentile(double share) const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace appd::load
