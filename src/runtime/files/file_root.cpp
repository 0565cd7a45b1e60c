// Opens files below a directory, and nothing else.

#include "runtime/files/file_root.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <utility>

#include "runtime/support/throw_errno.hpp"

namespace appd::files {
namespace {

using support::UniqueFd;

// As in <linux/openat2.h>, which the headers that wheels are built with do not have.
constexpr long kOpenat2 = 437;
constexpr std::uint64_t kResolveNoMagicLinks = 0x02;
constexpr std::uint64_t kResolveBeneath = 0x08;
struct OpenHow {
  std::uint64_t flags;
  std::uint64_t mode;
  std::uint64_t resolve;
};

/// What is only looked at: neither a pipe nor a device notices.
constexpr int kLook = O_PATH | O_CLOEXEC;
/// O_NONBLOCK in case a pipe has the name by now.
constexpr int kRead = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

UniqueFd open_beneath(int root, const char* path, int flags) noexcept {
  // While anything on the machine is renamed, the kernel cannot tell whether ".." in a link stays
  // below the root.
  constexpr int kMostTries = 16;
  const OpenHow how{static_cast<std::uint64_t>(flags), 0, kResolveBeneath | kResolveNoMagicLinks};
  for (int tries = 1;; ++tries) {
    const long fd = ::syscall(kOpenat2, root, path, &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (tries == kMostTries || (errno != EAGAIN && errno != EINTR)) return {};
  }
}

UniqueFd open_without_links(int root, std::string path, int flags) {
  UniqueFd folder;
  char* segment = path.data();
  while (char* const slash = std::strchr(segment, '/')) {
    *slash = '\0';
    const int at = folder ? folder.get() : root;
    folder.reset(::openat(at, segment, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) return {};
    segment = slash + 1;
  }
  return UniqueFd(::openat(folder ? folder.get() : root, segment, flags | O_NOFOLLOW));
}

FileRoot::Lookup best_lookup(const std::string& path) {
  const UniqueFd root(::open(path.c_str(), kLook | O_DIRECTORY));
  if (open_beneath(root.get(), ".", kLook)) return FileRoot::Lookup::beneath;
  // Old seccomp filters answer EPERM to calls that they do not know.
  const bool lacking = errno == ENOSYS || errno == EPERM;
  return lacking ? FileRoot::Lookup::without_links : FileRoot::Lookup::beneath;
}

bool is_served(std::string_view segment) noexcept {
  return !segment.empty() && segment.front() != '.' && segment.size() <= NAME_MAX;
}

bool may_be_asked_for(std::string_view path) noexcept {
  if (path.size() >= PATH_MAX || path.find('\0') != std::string_view::npos) return false;
  for (;;) {
    const std::size_t slash = path.find('/');
    if (!is_served(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

OpenFailure failure(int error) noexcept {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:  // also a link, where none is followed
    case EXDEV:  // a link leads out
    case ENAMETOOLONG:
    case ENXIO:  // a socket
      return {OpenProblem::not_found, error};
    case EACCES:
    case EPERM:
      return {OpenProblem::forbidden, error};
    default:
      return {OpenProblem::error, error};
  }
}

/// The facts of a regular file; std::nullopt for anything else.
std::optional<FileFacts> facts_of(const UniqueFd& file) noexcept {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return FileFacts{static_cast<std::uint64_t>(status.st_size), status.st_mtim};
}

}  // namespace

FileRoot::FileRoot(const std::string& path) : FileRoot(path, best_lookup(path)) {}

FileRoot::FileRoot(const std::string& path, Lookup lookup)
    : root_(::open(path.c_str(), kLook | O_DIRECTORY)), lookup_(lookup) {
  if (!root_) support::throw_error(fmt::format("cannot open the directory {}", path));
  // Else every file in it would be forbidden, and only its clients would notice.
  if (::faccessat(root_.get(), ".", X_OK, AT_EACCESS) != 0) {
    support::throw_error(fmt::format("cannot enter the directory {}", path));
  }
}

Opened FileRoot::open(std::string_view path) const {
  constexpr OpenFailure kNoFile{OpenProblem::not_found, 0};
  if (!may_be_asked_for(path)) return kNoFile;
  const std::string name(path);
  // Looked at first. To look it up again is cheaper than to open it through /proc.
  const UniqueFd seen = look_up(name, kLook);
  if (!seen) return failure(errno);
  if (!facts_of(seen)) return kNoFile;
  UniqueFd file = look_up(name, kRead);
  if (!file) return failure(errno);
  const auto facts = facts_of(file);
  if (!facts) return kNoFile;
  return OpenFile{std::move(file), *facts};
}

UniqueFd FileRoot::look_up(const std::string& path, int flags) const {
  return lookup_ == Lookup::beneath ? open_beneath(root_.get(), path.c_str(), flags)
                                    : open_without_links(root_.get(), path, flags);
}

}  // namespace appd::files
