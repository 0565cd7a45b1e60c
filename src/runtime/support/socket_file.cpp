// Binds a Unix socket, sets its mode and owner, and removes its file.

#include "runtime/support/socket_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/support/path_actor.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::support {
namespace {

constexpr mode_t kModeBits = 07777;

[[noreturn]] void fail(const std::string& what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

/// Returns 0 if the socket is bound, else the errno.
int bind_to(int socket, const std::string& path) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.data(), path.size());
  const mode_t before = ::umask(0);
  const bool bound =
      ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = bound ? 0 : errno;
  ::umask(before);
  return error;
}

/// Why no file can be made at `path`, if the error alone does not tell.
std::string why_not(const std::string& path, int error, uid_t user) {
  const std::string folder = std::filesystem::absolute(path).parent_path();
  struct stat status {};
  if (error == ENOENT && ::stat(folder.c_str(), &status) != 0)
    return fmt::format(", because the folder {} does not exist", folder);
  if (error == EACCES)
    return fmt::format(", because user {} may not write to the folder {}, or not enter it",
                       user_name(user), folder);
  return "";
}

}  // namespace

SocketFile SocketFile::bind(int socket, const std::string& path, const Wanted& wanted,
                            const Account* account) {
  // The file takes the socket's mode. unix(7) does not say so, but Linux has always done it.
  if (::fchmod(socket, wanted.mode) != 0) fail("cannot set the mode of " + path);
  const PathActor actor(path, account);
  SocketFile made;
  UniqueFd file;
  {
    const PathActor::Acting acting(actor);
    if (const int error = bind_to(socket, path); error != 0) {
      fail("cannot bind " + path + actor.describe() + why_not(path, error, actor.user()), error);
    }
    made = take_over(path, account);
    file.reset(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!file) fail("cannot inspect " + path);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("cannot inspect " + path);
  // Its own sockets are the actor's to dispose of; root gives away nothing more than that.
  if (!S_ISSOCK(status.st_mode) || status.st_uid != actor.user() || status.st_nlink != 1) {
    fail(path + " was replaced while it was made", EADDRINUSE);
  }
  made.give(file.get(), wanted);
  return made;
}

void SocketFile::give(int file, const Wanted& wanted) const {
  constexpr auto kUnchanged = static_cast<unsigned>(-1);
  const uid_t owner = wanted.owner.value_or(kUnchanged);
  const gid_t group = wanted.group.value_or(kUnchanged);
  if ((wanted.owner || wanted.group) && ::fchownat(file, "", owner, group, AT_EMPTY_PATH) != 0) {
    fail(fmt::format("cannot give {} to {}:{}", path_,
                     wanted.owner ? std::to_string(owner) : "its owner",
                     wanted.group ? std::to_string(group) : "its group"));
  }
  struct stat status {};
  if (::fstat(file, &status) != 0) fail("cannot inspect " + path_);
  if ((status.st_mode & kModeBits) == wanted.mode) return;
  // If the folder has a default ACL, that decides the mode.
  if (::chmod(fmt::format("/proc/self/fd/{}", file).c_str(), wanted.mode) != 0) {
    fail("cannot set the mode of " + path_);
  }
}

SocketFile SocketFile::take_over(const std::string& path, const Account* account) {
  SocketFile made;
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return made;
  made.path_ = path;
  if (account != nullptr) made.account_ = *account;
  made.device_ = status.st_dev;
  made.inode_ = status.st_ino;
  made.maker_ = ::getpid();
  return made;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      account_(std::move(other.account_)),
      device_(other.device_),
      inode_(other.inode_),
      maker_(other.maker_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  remove();
  path_ = std::exchange(other.path_, {});
  account_ = std::move(other.account_);
  device_ = other.device_;
  inode_ = other.inode_;
  maker_ = other.maker_;
  return *this;
}

void SocketFile::remove() noexcept {
  if (path_.empty() || maker_ != ::getpid()) return;
  try {
    const PathActor actor(path_, account_ ? &*account_ : nullptr);
    const PathActor::Acting acting(actor);
    struct stat status {};
    const bool ours =
        ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
    if (ours) ::unlink(path_.c_str());
  } catch (const std::exception&) {
    // The file stays, as after a sudden death.
  }
  path_.clear();
}

}  // namespace appd::support
