// Writes body bytes to a spool file and reads them back.

#include "runtime/net/body_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/net/spool_file.hpp"

namespace appd::net {

void BodyFile::open(const std::string& folder, SpoolQuota* quota) {
  folder_ = &folder;
  quota_ = quota;
  read_ = end_ = 0;
  over_quota_ = false;
  error_.clear();
}

void BodyFile::close() {
  file_.reset();
  read_ = end_ = 0;
  give_back_space();
}

bool BodyFile::append(std::string_view bytes) {
  if (quota_ != nullptr && !quota_->try_take(bytes.size())) {
    over_quota_ = true;
    error_ =
        "there is no room for the body: the bodies on disk may not take more together "
        "(--spool-limit)";
    return false;
  }
  taken_ += bytes.size();
  if (!file_) file_ = open_spool_file(*folder_);
  if (!file_) {
    fail("open a file in");
    return false;
  }
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(end_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      fail("write to");
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
    end_ += static_cast<std::uint64_t>(n);
  }
  return true;
}

std::size_t BodyFile::read(std::span<char> into) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), waiting()));
  if (wanted == 0) return 0;
  ssize_t n = 0;
  do {
    n = ::pread(file_.get(), into.data(), wanted, static_cast<off_t>(read_));
  } while (n < 0 && errno == EINTR);
  if (n <= 0) {
    fail("read from");
    read_ = end_;
    return 0;
  }
  read_ += static_cast<std::uint64_t>(n);
  if (read_ == end_) {
    read_ = end_ = 0;
    // A failure costs only space.
    if (::ftruncate(file_.get(), 0) != 0) file_.reset();
    give_back_space();
  }
  return static_cast<std::size_t>(n);
}

std::string BodyFile::take_error() noexcept {
  return std::exchange(error_, {});
}

void BodyFile::give_back_space() {
  const std::uint64_t taken = std::exchange(taken_, 0);
  if (quota_ != nullptr && taken > 0) quota_->give_back(taken);
}

void BodyFile::fail(const char* call) {
  error_ =
      fmt::format("cannot {} the spool directory {}: {}", call, *folder_, std::strerror(errno));
}

}  // namespace appd::net
