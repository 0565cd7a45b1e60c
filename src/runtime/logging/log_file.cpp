// Replaces the open files of standard streams after a log rotation.

#include "runtime/logging/log_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "runtime/support/path_actor.hpp"

namespace appd::logging {
namespace {

constexpr mode_t kPermissions = 0777;

bool is_same(const struct stat& one, const struct stat& other) noexcept {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

bool is_regular_file(int fd) noexcept {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

void go_on(int fd, int other, int flags) noexcept {
  if (other == fd || !is_regular_file(fd) || !is_regular_file(other)) return;
  flags == 0 ? ::dup2(other, fd) : ::dup3(other, fd, flags);
}

StandardFile::StandardFile(int fd) : fd_(fd) {
  struct stat opened {};
  if (::fstat(fd, &opened) != 0 || !S_ISREG(opened.st_mode)) return;
  std::error_code error;
  const std::string path =
      std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd), error);
  struct stat named {};
  if (error || ::stat(path.c_str(), &named) != 0 || !is_same(opened, named)) return;
  path_ = path;
  mode_ = opened.st_mode & kPermissions;
}

void StandardFile::reopen(const support::Account* account) const {
  if (path_.empty()) return;
  const support::UniqueFd fd =
      support::open_for(account, path_, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, mode_);
  if (!is_regular_file(fd.get())) {
    throw std::runtime_error(fmt::format("{} is not a regular file any more", path_));
  }
  go_on(fd_, fd.get());
}

}  // namespace appd::logging
