// Finds, for each kind of descriptor, a way to write that never waits for a reader.

#include "runtime/logging/log_descriptor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "runtime/support/passing_errors.hpp"

namespace appd::logging {
namespace {

using Way = LogDescriptor::Way;

support::UniqueFd open_again(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return support::UniqueFd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

Way choose_way(int fd) noexcept {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return Way::direct;
  if (S_ISSOCK(status.st_mode)) return Way::socket;
  if (S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && ::isatty(fd) == 1)) {
    return Way::non_blocking;
  }
  return Way::direct;
}

bool may_be_tried_again(int error) noexcept {
  return support::would_block(error) || support::has_no_memory(error);
}

bool is_ready(int fd) noexcept {
  pollfd state{fd, POLLOUT, 0};
  return ::poll(&state, 1, 0) > 0;
}

LogDescriptor::Written result_of(ssize_t written) noexcept {
  if (written >= 0) return {static_cast<std::size_t>(written), false};
  return {0, !may_be_tried_again(errno)};
}

template <typename Call>
ssize_t uninterrupted(Call call) noexcept {
  ssize_t result = 0;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

LogDescriptor::LogDescriptor(int fd) : LogDescriptor(fd, choose_way(fd)) {}

LogDescriptor::LogDescriptor(int fd, Way way) : given_(fd), fd_(fd), way_(way) {
  if (way_ == Way::non_blocking) {
    if ((::fcntl(fd_, F_GETFL) & O_NONBLOCK) != 0) return;
    own_ = open_again(fd_);
    if (own_) {
      fd_ = own_.get();
    } else {
      way_ = ::isatty(fd_) == 1 ? Way::polled : Way::spliced;
    }
  }
  if (way_ == Way::spliced) open_own_pipe();
}

void LogDescriptor::open_own_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    way_ = Way::polled;
    return;
  }
  out_.reset(ends[0]);
  in_.reset(ends[1]);
}

void LogDescriptor::keep_in_forks() const noexcept {
  for (const support::UniqueFd* each : {&own_, &in_, &out_}) each->keep_in_forks();
}

LogDescriptor::Written LogDescriptor::try_write(std::string_view bytes) noexcept {
  const Written written = write_once(bytes);
  if (!written.lost || errno != EBADF || !(own_ || in_)) return written;
  // The application closed all descriptors but the first three (os.closerange), and ours with them.
  for (support::UniqueFd* const each : {&own_, &in_, &out_}) static_cast<void>(each->release());
  fd_ = given_;
  way_ = Way::polled;
  return write_once(bytes);
}

LogDescriptor::Written LogDescriptor::write_once(std::string_view bytes) noexcept {
  switch (way_) {
    case Way::socket:
      return result_of(uninterrupted(
          [&] { return ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL); }));
    case Way::spliced:
      return write_through_pipe(bytes);
    case Way::polled:
      if (!is_ready(fd_)) return {0, false};
      [[fallthrough]];
    case Way::direct:
    case Way::non_blocking:
      break;
  }
  return result_of(uninterrupted([&] { return ::write(fd_, bytes.data(), bytes.size()); }));
}

LogDescriptor::Written LogDescriptor::write_through_pipe(std::string_view bytes) noexcept {
  const Written written =
      result_of(uninterrupted([&] { return ::write(in_.get(), bytes.data(), bytes.size()); }));
  try_flush();
  return written;
}

bool LogDescriptor::try_flush() noexcept {
  if (way_ != Way::spliced) return true;
  constexpr std::size_t kMost = 1 << 20;
  while (true) {
    const ssize_t moved = uninterrupted(
        [&] { return ::splice(out_.get(), nullptr, fd_, nullptr, kMost, SPLICE_F_NONBLOCK); });
    if (moved > 0) continue;
    if (moved < 0 && errno != EAGAIN) discard();
    // EAGAIN comes from either pipe: ours is empty, or the other has no room.
    pollfd state{out_.get(), POLLIN, 0};
    flushed_ = ::poll(&state, 1, 0) <= 0;
    return flushed_;
  }
}

void LogDescriptor::discard() noexcept {
  std::array<char, 4096> bytes;
  while (::read(out_.get(), bytes.data(), bytes.size()) > 0) {
  }
}

void LogDescriptor::wait(int milliseconds) noexcept {
  pollfd state{fd_, POLLOUT, 0};
  ::poll(&state, 1, milliseconds);
}

}  // namespace appd::logging
