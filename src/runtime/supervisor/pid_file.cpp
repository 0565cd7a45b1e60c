// Locks and writes the pid file, and removes it if it is still ours.

#include "runtime/supervisor/pid_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "runtime/support/ascii.hpp"
#include "runtime/support/path_actor.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {
namespace {

struct flock whole_file() noexcept {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return range;
}

[[noreturn]] void refuse(const std::string& path, std::string_view why) {
  throw std::runtime_error(fmt::format("{}: {}", path, why));
}

void lock(int fd, const std::string& path) {
  struct flock wanted = whole_file();
  if (::fcntl(fd, F_SETLK, &wanted) == 0) return;
  if (errno != EACCES && errno != EAGAIN) support::throw_errno("lock", path);
  struct flock holder = whole_file();
  const bool known =
      ::fcntl(fd, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK && holder.l_pid > 0;
  if (known) refuse(path, fmt::format("process {} holds it and is running", holder.l_pid));
  refuse(path, "another process holds it and is running");
}

bool may_stand_in_a_pid_file(char c) noexcept {
  return support::is_digit(c) || c == '\n' || c == ' ';
}

}  // namespace

PidFile::PidFile(std::string path, const support::Account* account) : path_(std::move(path)) {
  open_locked(account);
  check_content();
  write();
  file_ = support::OwnedFile::opened(fd_.get(), path_, account);
}

PidFile::PidFile(std::string path, support::UniqueFd locked, const support::Account* account)
    : path_(std::move(path)),
      fd_(std::move(locked)),
      file_(support::OwnedFile::opened(fd_.get(), path_, account)) {}

void PidFile::open_locked(const support::Account* account) {
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    // O_NONBLOCK: to wait for nobody if it is a pipe.
    fd_ = support::open_for(account, path_, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644);
    lock(fd_.get(), path_);
    // Its last holder may have removed it between the two calls.
    if (support::names_file(path_, fd_.get())) return;
  }
  refuse(path_, "keeps being removed");
}

void PidFile::check_content() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) support::throw_errno("fstat", path_);
  if (!S_ISREG(status.st_mode)) refuse(path_, "is not a regular file");
  std::array<char, 32> content{};
  const ssize_t got = ::pread(fd_.get(), content.data(), content.size(), 0);
  if (got < 0) support::throw_errno("read", path_);
  if (static_cast<std::size_t>(got) == content.size() ||
      !std::all_of(content.begin(), content.begin() + got, may_stand_in_a_pid_file)) {
    refuse(path_, "contains something other than a process id, so it is left as it is");
  }
}

void PidFile::write() const {
  const std::string text = fmt::format("{}\n", ::getpid());
  const auto size = static_cast<ssize_t>(text.size());
  // In this order nobody reads half of it.
  if (::pwrite(fd_.get(), text.data(), text.size(), 0) != size ||
      ::ftruncate(fd_.get(), size) != 0) {
    support::throw_errno("write", path_);
  }
}

}  // namespace appd::supervisor
