// A quota for spool files in one process.
#pragma once

#include <cstdint>

#include "runtime/net/spool_quota.hpp"

namespace appd::fakes {

/// So many bytes may be taken.
struct SpoolRoom final : net::SpoolQuota {
  explicit SpoolRoom(std::uint64_t bytes) : left(bytes) {}
  bool try_take(std::uint64_t bytes) noexcept override {
    if (bytes > left) return false;
    left -= bytes;
    return true;
  }
  void give_back(std::uint64_t bytes) noexcept override { left += bytes; }

  std::uint64_t left;
};

}  // namespace appd::fakes
