// The part of a request's body that is on disk.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/net/spool_quota.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

/// Bytes in an unnamed file, first in, first out. A file that was read to its end gives its space
/// back at once. What goes wrong is told by `take_error`. One thread at a time.
class BodyFile {
 public:
  BodyFile() = default;
  ~BodyFile() { close(); }
  BodyFile(const BodyFile&) = delete;
  BodyFile& operator=(const BodyFile&) = delete;

  /// For a new body. Both outlive it; `quota` may be null. The file is made when it is needed.
  void open(const std::string& folder, SpoolQuota* quota);
  /// Gives the file and its space back.
  void close();

  /// Bytes that have not been read.
  std::uint64_t waiting() const noexcept { return end_ - read_; }
  /// False: not all could be written, or the quota has no room.
  bool append(std::string_view bytes);
  /// Copies some bytes, and says how many. 0: there are none, or, with an error, none can be read
  /// any more.
  std::size_t read(std::span<char> into);

  /// What went wrong, once; else "".
  std::string take_error() noexcept;
  bool has_error() const noexcept { return !error_.empty(); }
  /// That was the quota.
  bool over_quota() const noexcept { return over_quota_; }

 private:
  void fail(const char* call);
  void give_back_space();

  const std::string* folder_ = nullptr;
  SpoolQuota* quota_ = nullptr;
  std::uint64_t taken_ = 0;  // of the quota
  support::UniqueFd file_;
  std::uint64_t read_ = 0;
  std::uint64_t end_ = 0;
  std::string error_;
  bool over_quota_ = false;
};

}  // namespace appd::net
