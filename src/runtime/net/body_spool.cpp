// Writes the bytes that body_pipe.cpp puts aside to a file, and reads them back.

#include "runtime/net/body_spool.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/net/spool_file.hpp"

namespace appd::net {

void BodySpool::open(const std::string& folder, SpoolQuota* quota) {
  read_ = end_ = 0;
  folder_ = &folder;
  quota_ = quota;
  over_quota_ = false;
  error_.clear();
}

void BodySpool::close() {
  file_.reset();
  read_ = end_ = 0;
  give_back_space();
}

bool BodySpool::append(std::string_view bytes) {
  if (quota_ != nullptr && !quota_->try_take(bytes.size())) {
    over_quota_ = true;
    error_ =
        "there is no room for the body: the spool files of all workers have reached "
        "--spool-limit";
    return false;
  }
  taken_ += bytes.size();
  if (!file_) file_ = open_spool_file(*folder_);
  return file_ ? write(bytes) : fail("open a file in");
}

bool BodySpool::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(end_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail("write to");
    bytes.remove_prefix(static_cast<std::size_t>(n));
    end_ += static_cast<std::uint64_t>(n);
  }
  return true;
}

std::optional<std::size_t> BodySpool::read(std::span<char> into) {
  const std::size_t wanted = std::min<std::uint64_t>(into.size(), waiting());
  if (wanted == 0) return 0;
  ssize_t n = 0;
  do {
    n = ::pread(file_.get(), into.data(), wanted, static_cast<off_t>(read_));
  } while (n < 0 && errno == EINTR);
  if (n <= 0) {
    fail("read from");
    read_ = end_;
    return std::nullopt;
  }
  read_ += static_cast<std::uint64_t>(n);
  if (read_ == end_) {
    read_ = end_ = 0;
    // A file that was read to its end is emptied to free its space. If that fails, it is closed.
    if (::ftruncate(file_.get(), 0) != 0) file_.reset();
    give_back_space();
  }
  return static_cast<std::size_t>(n);
}

void BodySpool::give_back_space() {
  const std::uint64_t taken = std::exchange(taken_, 0);
  if (quota_ != nullptr && taken > 0) quota_->give_back(taken);
}

bool BodySpool::fail(const char* call) {
  error_ =
      fmt::format("cannot {} the spool directory {}: {}", call, *folder_, std::strerror(errno));
  return false;
}

}  // namespace appd::net
