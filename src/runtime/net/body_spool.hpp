// The file that a body overflows to.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/net/spool_quota.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

/// Bytes of one body in a file without a name: first in, first out. Takes of a quota for what it
/// has written, until all of it is read or the spool is closed. Makes the file when it is needed.
///
///      [ already read | ........ waiting ........ ]
class BodySpool {
 public:
  BodySpool() = default;
  ~BodySpool() { close(); }
  BodySpool(const BodySpool&) = delete;
  BodySpool& operator=(const BodySpool&) = delete;

  /// Starts over. `folder` must outlive the body. Without a quota if that is null.
  void open(const std::string& folder, SpoolQuota* quota);
  /// False: it cannot be stored, and `take_error` says why.
  bool append(std::string_view bytes);
  /// Takes bytes off the front. std::nullopt: they cannot be read, `take_error` says why, and
  /// nothing waits any more.
  std::optional<std::size_t> read(std::span<char> into);
  /// Forgets what waits; gives file and quota back.
  void close();

  std::uint64_t waiting() const noexcept { return end_ - read_; }
  /// Once; "" if nothing went wrong.
  std::string take_error() { return std::exchange(error_, {}); }
  /// True if that was the quota.
  bool over_quota() const noexcept { return over_quota_; }

 private:
  bool write(std::string_view bytes);
  bool fail(const char* call);
  void give_back_space();

  support::UniqueFd file_;
  std::uint64_t read_ = 0;
  std::uint64_t end_ = 0;
  const std::string* folder_ = nullptr;
  SpoolQuota* quota_ = nullptr;
  std::uint64_t taken_ = 0;  // of the quota
  bool over_quota_ = false;
  std::string error_;
};

}  // namespace appd::net
