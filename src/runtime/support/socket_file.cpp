// Binds a Unix socket, and sets the mode and owner of its file.

#include "runtime/support/socket_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "runtime/support/path_actor.hpp"
#include "runtime/support/throw_errno.hpp"
#include "runtime/support/unique_fd.hpp"
#include "runtime/support/unix_address.hpp"

namespace appd::support {
namespace {

constexpr mode_t kModeBits = 07777;

/// Returns 0 if the socket is bound, else the errno.
int bind_to(int socket, const std::string& path) noexcept {
  const auto address = path_address(path);
  if (!address) return ENAMETOOLONG;
  const mode_t before = ::umask(0);
  const bool bound = ::bind(socket, address->get(), address->size) == 0;
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
    return fmt::format(", because user {} cannot write to the folder {} or cannot enter it",
                       user_name(user), folder);
  return "";
}

}  // namespace

SocketPath look_at(const std::string& path, int type) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return SocketPath::free;
    throw_error("cannot inspect " + path);
  }
  if (!S_ISSOCK(status.st_mode)) return SocketPath::foreign;
  const auto address = path_address(path);
  const UniqueFd probe(::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!address || !probe) throw_error("cannot ask the socket " + path);
  const bool heard = ::connect(probe.get(), address->get(), address->size) == 0;
  // All other errors, such as of a full backlog, are a listener's.
  return !heard && errno == ECONNREFUSED ? SocketPath::stale : SocketPath::in_use;
}

void remove_stale_socket(const std::string& path, int type, const Account* account) {
  switch (look_at(path, type)) {
    case SocketPath::free:
      return;
    case SocketPath::foreign:
      throw_error(path + " exists and is not a socket", EADDRINUSE);
    case SocketPath::in_use:
      throw_error("another process listens on " + path, EADDRINUSE);
    case SocketPath::stale:
      if (!unlink_for(account, path)) throw_error("cannot remove the stale socket " + path);
  }
}

SocketFile SocketFile::bind(int socket, const std::string& path, const Wanted& wanted,
                            const Account* account) {
  // The file takes the socket's mode. unix(7) does not say so, but Linux has always done it.
  if (::fchmod(socket, wanted.mode) != 0) throw_error("cannot set the mode of " + path);
  const PathActor actor(path, account);
  SocketFile made;
  UniqueFd file;
  {
    const PathActor::Acting acting(actor);
    if (const int error = bind_to(socket, path); error != 0) {
      throw_error("cannot bind " + path + actor.describe() + why_not(path, error, actor.user()),
                  error);
    }
    made = take_over(path, account);
    file.reset(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!file) throw_error("cannot inspect " + path);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_error("cannot inspect " + path);
  // Its own sockets are the actor's to dispose of; root gives away nothing more than that.
  if (!S_ISSOCK(status.st_mode) || status.st_uid != actor.user() || status.st_nlink != 1) {
    throw_error(path + " was replaced while it was made", EADDRINUSE);
  }
  made.give(file.get(), wanted);
  return made;
}

void SocketFile::give(int file, const Wanted& wanted) const {
  constexpr auto kUnchanged = static_cast<unsigned>(-1);
  const uid_t owner = wanted.owner.value_or(kUnchanged);
  const gid_t group = wanted.group.value_or(kUnchanged);
  if ((wanted.owner || wanted.group) && ::fchownat(file, "", owner, group, AT_EMPTY_PATH) != 0) {
    throw_error(fmt::format("cannot give {} to {}:{}", file_.path(),
                            wanted.owner ? std::to_string(owner) : "its owner",
                            wanted.group ? std::to_string(group) : "its group"));
  }
  struct stat status {};
  if (::fstat(file, &status) != 0) throw_error("cannot inspect " + file_.path());
  if ((status.st_mode & kModeBits) == wanted.mode) return;
  // If the folder has a default ACL, that decides the mode.
  if (::chmod(fmt::format("/proc/self/fd/{}", file).c_str(), wanted.mode) != 0) {
    throw_error("cannot set the mode of " + file_.path());
  }
}

}  // namespace appd::support
