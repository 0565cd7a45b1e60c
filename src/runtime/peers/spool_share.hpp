// One worker's part of the limit for spool files.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/spool_quota.hpp"

namespace appd::peers {

/// One worker's part of what the spool files of all workers of a generation may take together. The
/// scoreboard has what each takes. When a worker dies, the master strikes its part out there.
class SpoolShare final : public net::SpoolQuota {
 public:
  /// `index` is the place of this worker in `loads`.
  SpoolShare(std::span<ipc::WorkerLoad> loads, unsigned index, std::uint64_t limit) noexcept
      : loads_(loads), own_(loads[index].spooled), limit_(limit) {}

  bool try_take(std::uint64_t bytes) noexcept override;
  void give_back(std::uint64_t bytes) noexcept override;

 private:
  const std::span<ipc::WorkerLoad> loads_;
  std::atomic<std::uint64_t>& own_;
  const std::uint64_t limit_;
};

}  // namespace appd::peers
