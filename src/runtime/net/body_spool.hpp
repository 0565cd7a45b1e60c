// The file that a body overflows to; BodyPipe decides which bytes go there.
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

/// Bytes of one body in an unnamed file, first in, first out. Makes the file when bytes come. What
/// is written counts against a quota until all of it is read or the spool is closed.
///
///      [ already read | ........ waiting ........ ]
class BodySpool {
 public:
  BodySpool() = default;
  ~BodySpool() { close(); }
  BodySpool(const BodySpool&) = delete;
  BodySpool& operator=(const BodySpool&) = delete;

  /// Starts over. `folder` must outlive the body. A null `quota` is no limit.
  void open(const std::string& folder, SpoolQuota* quota);
  /// Returns false if the bytes cannot be stored; `take_error` says why.
  bool append(std::string_view bytes);
  /// Takes bytes off the front. Returns std::nullopt if they cannot be read: then nothing waits any
  /// more, and `take_error` says why.
  std::optional<std::size_t> read(std::span<char> into);
  /// Drops what waits; gives the file and its part of the quota back.
  void close();

  std::uint64_t waiting() const noexcept { return end_ - read_; }
  /// What went wrong, once; "" if nothing did.
  std::string take_error() { return std::exchange(error_, {}); }
  /// True if the quota has refused bytes of this body.
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
  std::uint64_t taken_ = 0;  // from the quota
  bool over_quota_ = false;
  std::string error_;
};

}  // namespace appd::net
