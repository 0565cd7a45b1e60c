// Compares a path's file with the one that was made, and removes it.

#include "runtime/support/owned_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <exception>
#include <utility>

#include "runtime/support/path_actor.hpp"

namespace appd::support {
namespace {

bool names(const std::string& path, dev_t device, ino_t inode) noexcept {
  struct stat there {};
  return ::lstat(path.c_str(), &there) == 0 && there.st_dev == device && there.st_ino == inode;
}

}  // namespace

bool names_file(const std::string& path, int fd) noexcept {
  struct stat ours {};
  return ::fstat(fd, &ours) == 0 && names(path, ours.st_dev, ours.st_ino);
}

OwnedFile::OwnedFile(const std::string& path, const struct stat& status, const Account* account)
    : path_(path),
      account_(account != nullptr ? std::optional(*account) : std::nullopt),
      device_(status.st_dev),
      inode_(status.st_ino),
      maker_(::getpid()) {}

OwnedFile OwnedFile::at(const std::string& path, const Account* account) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  return {path, status, account};
}

OwnedFile OwnedFile::opened(int fd, const std::string& path, const Account* account) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return {};
  return {path, status, account};
}

OwnedFile::OwnedFile(OwnedFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      account_(std::move(other.account_)),
      device_(other.device_),
      inode_(other.inode_),
      maker_(other.maker_) {}

OwnedFile& OwnedFile::operator=(OwnedFile&& other) noexcept {
  remove();
  path_ = std::exchange(other.path_, {});
  account_ = std::move(other.account_);
  device_ = other.device_;
  inode_ = other.inode_;
  maker_ = other.maker_;
  return *this;
}

void OwnedFile::remove() noexcept {
  if (path_.empty() || maker_ != ::getpid()) return;
  try {
    const PathActor actor(path_, account_ ? &*account_ : nullptr);
    const PathActor::Acting acting(actor);
    if (names(path_, device_, inode_)) ::unlink(path_.c_str());
  } catch (const std::exception&) {
    // The file stays, as after a sudden death.
  }
  path_.clear();
}

}  // namespace appd::support
