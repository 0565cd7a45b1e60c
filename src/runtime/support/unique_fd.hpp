// The owner of a file descriptor.
#pragma once

#include <utility>

#include "runtime/support/own_descriptors.hpp"

namespace appd::support {

/// Owns one file descriptor and closes it. Move-only; −1 means "none". The descriptor is appd's
/// own: processes that the application forks do not keep it, unless `keep_in_forks` is called.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) { own_descriptor(fd_); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) close_and_keep(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept;
  void reset(int fd = -1) noexcept;

  /// Lets processes that the application forks keep it, such as the log's: they write to it too.
  void keep_in_forks() const noexcept { disown_descriptor(fd_); }

 private:
  void close_and_keep(int fd) noexcept;

  int fd_ = -1;
};

}  // namespace appd::support
