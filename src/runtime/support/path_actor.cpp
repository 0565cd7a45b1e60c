// Walks a path as the kernel does and finds out who could redirect it.

#include "runtime/support/path_actor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/magic.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "runtime/support/throw_errno.hpp"

namespace appd::support {
namespace {

namespace fs = std::filesystem;

std::string title(const Account& account) {
  return account.name.empty() ? std::to_string(account.user) : account.name;
}

bool can_write(const Account& account, const struct stat& folder) noexcept {
  const bool in_group = std::find(account.groups.begin(), account.groups.end(), folder.st_gid) !=
                            account.groups.end() ||
                        account.group == folder.st_gid;
  return folder.st_uid == account.user || (folder.st_mode & S_IWOTH) != 0 ||
         ((folder.st_mode & S_IWGRP) != 0 && in_group);
}

/// As in /tmp: only a name's owner can make it mean something else.
bool keeps_names(const struct stat& folder) noexcept {
  return folder.st_uid == 0 && (folder.st_mode & S_ISVTX) != 0;
}

/// A file could be a hard link to a file elsewhere.
bool is_kept(const struct stat& status) noexcept {
  return S_ISDIR(status.st_mode) || S_ISLNK(status.st_mode);
}

/// Links in such a folder lead to descriptors, not to where their text says.
bool is_of_descriptors(const std::string& folder) noexcept {
  struct statfs system {};
  return folder.ends_with("/fd") && ::statfs(folder.c_str(), &system) == 0 &&
         system.f_type == PROC_SUPER_MAGIC;
}

std::string read_link(const std::string& path) {
  std::array<char, PATH_MAX> text;
  const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
  return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
}

}  // namespace

/// Follows a path as the kernel does, and finds out who can write on the way.
class PathWalk {
 public:
  explicit PathWalk(const Account& account) : account_(account) {}

  std::optional<PathActor::Other> go(const std::string& path) {
    fs::path left = fs::absolute(path).relative_path();
    while (!left.empty() && step(*left.begin())) {
      fs::path rest;
      for (auto each = std::next(left.begin()); each != left.end(); ++each) rest /= *each;
      left = target_.empty() ? rest : target_ / rest;
    }
    return std::move(found_);
  }

 private:
  /// Enters the name, or stores in `target_` where the link leads. False if the walk ends here.
  bool step(const fs::path& name) {
    target_.clear();
    if (name.empty() || name == ".") return true;
    if (name == "..") {
      folder_ = folder_.parent_path();
      return true;
    }
    struct stat folder {};
    if (::lstat(folder_.c_str(), &folder) != 0) return false;
    const fs::path path = folder_ / name;
    struct stat status {};
    const bool there = ::lstat(path.c_str(), &status) == 0;
    if (there && is_kept(status) && keeps_names(folder)) {
      folder.st_uid = status.st_uid;
      folder.st_mode &= ~static_cast<mode_t>(S_IWGRP | S_IWOTH);
    }
    look_at(folder);
    if (!there || is_of_descriptors(folder_)) return false;
    if (!S_ISLNK(status.st_mode)) {
      folder_ = path;
      return true;
    }
    constexpr int kMostLinks = 40;
    target_ = read_link(path);
    if (target_.empty() || ++links_ > kMostLinks) return false;
    if (target_.is_absolute()) {
      folder_ = "/";
      target_ = target_.relative_path();
    }
    return true;
  }

  /// The account acts if it can write anywhere on the way, or if several users can: otherwise one
  /// of them could use another's rights.
  void look_at(const struct stat& folder) {
    const bool account_can = can_write(account_, folder);
    if (!account_can && folder.st_uid == 0) return;
    if (!found_) found_.emplace().folder = folder_;
    if (account_can || (found_->account.user != 0 && found_->account.user != folder.st_uid)) {
      found_->account = account_;
    } else if (found_->account.user == 0) {
      found_->account = {folder.st_uid, folder.st_gid, {folder.st_gid}, "", ""};
    }
  }

  const Account& account_;
  fs::path folder_ = "/";
  fs::path target_;
  int links_ = 0;
  std::optional<PathActor::Other> found_;
};

PathActor::PathActor(const std::string& path, const Account* account) {
  if (account == nullptr || account->user == 0 || ::geteuid() != 0) return;
  other_ = PathWalk(*account).go(path);
}

uid_t PathActor::user() const noexcept {
  return other_ ? other_->account.user : ::geteuid();
}

std::string PathActor::describe() const {
  if (!other_) return "";
  return fmt::format(" as user {} (users other than root can write to {})", title(other_->account),
                     other_->folder);
}

PathActor::Acting::Acting(const PathActor& actor) {
  if (!actor.other_) return;
  const Account& account = actor.other_->account;
  const int count = ::getgroups(0, nullptr);
  groups_.resize(static_cast<std::size_t>(std::max(count, 0)));
  if (::getgroups(count, groups_.data()) != count) throw_errno("getgroups");
  dumpable_ = ::prctl(PR_GET_DUMPABLE);
  if (::setgroups(account.groups.size(), account.groups.data()) != 0) throw_errno("setgroups");
  changed_ = true;
  // These calls return the previous value; only that tells whether they failed.
  group_ = static_cast<gid_t>(::setfsgid(account.group));
  ::setfsuid(account.user);
  if (static_cast<uid_t>(::setfsuid(account.user)) != account.user ||
      static_cast<gid_t>(::setfsgid(account.group)) != account.group) {
    std::terminate();  // the process would act as root
  }
}

PathActor::Acting::~Acting() {
  if (!changed_) return;
  const int error = errno;
  ::setfsuid(::geteuid());
  ::setfsgid(group_);
  if (::setgroups(groups_.size(), groups_.data()) != 0) std::terminate();
  if (dumpable_ == 1) ::prctl(PR_SET_DUMPABLE, 1);
  errno = error;
}

UniqueFd open_for(const Account* account, const std::string& path, int flags, mode_t mode) {
  const PathActor actor(path, account);
  if (actor.is_self()) {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
    if (!fd) throw_errno("open", path);
    return fd;
  }
  const PathActor::Acting acting(actor);
  // O_NONBLOCK, so that opening a pipe waits for nobody.
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode));
  if (!fd) throw_errno("open", path + actor.describe());
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno("fstat", path);
  if (!S_ISREG(status.st_mode)) {
    throw std::runtime_error(fmt::format("open {}{}: not a regular file", path, actor.describe()));
  }
  ::fcntl(fd.get(), F_SETFL, flags & (O_APPEND | O_NONBLOCK));
  return fd;
}

bool unlink_for(const Account* account, const std::string& path) noexcept {
  try {
    const PathActor actor(path, account);
    const PathActor::Acting acting(actor);
    return ::unlink(path.c_str()) == 0;
  } catch (const std::exception&) {
    errno = EACCES;
    return false;
  }
}

}  // namespace appd::support
