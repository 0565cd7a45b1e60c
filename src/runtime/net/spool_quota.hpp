// The limit for all spool files together, for --spool-limit.
#pragma once

#include <cstdint>

namespace appd::net {

/// How much the spool files of all workers may take together (--spool-limit). Any thread.
class SpoolQuota {
 public:
  /// Takes room for bytes that are about to be written. Returns false if there is none; nothing is
  /// taken then.
  virtual bool try_take(std::uint64_t bytes) noexcept = 0;
  /// The file that the bytes were in is gone, or empty.
  virtual void give_back(std::uint64_t bytes) noexcept = 0;

 protected:
  ~SpoolQuota() = default;
};

}  // namespace appd::net
