// A histogram with buckets of 0.1 %.

#include "bench/load/latencies.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace appd::load {
namespace {

// Below 2 × kStep each value has a bucket; from there on each power of two is cut in kStep buckets.
constexpr unsigned kStepBits = 10;
constexpr std::uint64_t kStep = 1 << kStepBits;
constexpr std::uint64_t kBuckets = (64 - kStepBits + 1) * kStep;

std::size_t bucket_of(std::uint64_t value) {
  const auto width = static_cast<unsigned>(std::bit_width(value));
  const unsigned shift = width > kStepBits + 1 ? width - kStepBits - 1 : 0;
  return shift * kStep + (value >> shift);
}

/// The largest value of the bucket.
std::uint64_t value_of(std::size_t bucket) {
  const std::uint64_t shift = bucket < 2 * kStep ? 0 : bucket / kStep - 1;
  return ((bucket - shift * kStep + 1) << shift) - 1;
}

}  // namespace

Latencies::Latencies() : buckets_(kBuckets) {}

void Latencies::add(std::chrono::nanoseconds latency) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0));
  ++buckets_[bucket_of(value)];
  ++count_;
  max_ = std::max(max_, value);
}

std::chrono::nanoseconds Latencies::percentile(double share) const {
  const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t below = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    below += buckets_[bucket];
    if (below >= std::max<std::uint64_t>(rank, 1)) {
      return std::chrono::nanoseconds(std::min(value_of(bucket), max_));
    }
  }
  return std::chrono::nanoseconds(0);
}

}  // namespace appd::load
