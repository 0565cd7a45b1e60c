// Keeps watches on folders, and a timer that collects changes.

#include "runtime/supervisor/change_watcher.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr unsigned kMostDepth = 32;
constexpr std::size_t kLongestLine = 8192;
constexpr std::uint32_t kChanges =
    IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;

support::UniqueFd checked(int fd, const char* call) {
  if (fd < 0) support::throw_errno(call);
  return support::UniqueFd(fd);
}

void add_to(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) support::throw_errno("epoll_ctl");
}

bool is_link(const std::string& path) {
  std::error_code ignored;
  return fs::is_symlink(path, ignored);
}

bool is_virtualenv(const std::string& folder) {
  std::error_code ignored;
  return fs::exists(folder + "/pyvenv.cfg", ignored);
}

}  // namespace

ChangeWatcher::ChangeWatcher()
    : inotify_(checked(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "inotify_init1")),
      timer_(
          checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")),
      events_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) support::throw_errno("pipe2");
  pipe_out_ = support::UniqueFd(ends[0]);
  pipe_in_ = support::UniqueFd(ends[1]);
  for (const int fd : {inotify_.get(), timer_.get(), pipe_out_.get()}) add_to(events_.get(), fd);
}

// -- Folders

void ChangeWatcher::watch_tree(const std::string& folder, Counts counts) {
  std::error_code ignored;
  add({fs::weakly_canonical(folder, ignored), counts, true}, 0);
}

void ChangeWatcher::watch_folder(const std::string& folder) {
  add({folder, Counts::code, false}, 0);
}

void ChangeWatcher::add(const Folder& folder, unsigned depth) {
  if (folders_.size() >= kMostFolders) {
    failure_ = fmt::format("{} and others are not watched: there are more than {} folders",
                           folder.path, kMostFolders);
    return;
  }
  const int watch = ::inotify_add_watch(inotify_.get(), folder.path.c_str(), kChanges);
  if (watch < 0) {
    const char* const hint = errno == ENOSPC ? " (raise fs.inotify.max_user_watches)" : "";
    if (errno != ENOENT) {
      failure_ = fmt::format("{} is not watched: {}{}", folder.path, std::strerror(errno), hint);
    }
    return;
  }
  if (know(watch, folder) && folder.tree && depth < kMostDepth) add_children(folder, depth);
}

/// Whether that is new. The widest of what was asked for a folder counts.
bool ChangeWatcher::know(int watch, const Folder& folder) {
  const auto [known, is_new] = folders_.emplace(watch, folder);
  if (is_new) return true;
  Folder& before = known->second;
  const bool wider = (folder.tree && !before.tree) || folder.counts > before.counts;
  before = {folder.path, std::max(before.counts, folder.counts), before.tree || folder.tree};
  return wider;
}

void ChangeWatcher::add_children(const Folder& folder, unsigned depth) {
  std::error_code why;
  for (fs::directory_iterator at(folder.path, why), end; !why && at != end; at.increment(why)) {
    std::error_code ignored;
    const std::string name = at->path().filename();
    if (at->is_symlink(ignored) || !at->is_directory(ignored)) continue;
    if (!is_watched_folder(name) || is_virtualenv(at->path())) continue;
    add({at->path(), counts_below(name, folder.counts), true}, depth + 1);
  }
}

// -- Changes

bool ChangeWatcher::look() {
  read_changes();
  read_pipe();
  std::uint64_t expirations = 0;
  if (::read(timer_.get(), &expirations, sizeof expirations) > 0) complete_ = true;
  if (!complete_ || is_held()) return false;
  complete_ = false;
  first_.reset();
  return true;
}

void ChangeWatcher::read_changes() {
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  while (true) {
    const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (size <= 0) return;
    for (ssize_t at = 0; at < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* const name = buffer.data() + at + sizeof event;
      take_change(event, event.len > 0 ? name : "");
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
}

void ChangeWatcher::take_change(const inotify_event& event, const std::string& name) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return look_again();
  const auto found = folders_.find(event.wd);
  if (found == folders_.end()) return;
  if ((event.mask & IN_IGNORED) != 0) {
    folders_.erase(found);
    return;
  }
  const Folder folder = found->second;
  if ((event.mask & IN_ISDIR) != 0) {
    if ((event.mask & (IN_CREATE | IN_MOVED_TO)) != 0) take_new_folder(folder, name);
    return;
  }
  if (counts(folder, event, name)) note(folder.path + "/" + name);
}

/// Events were lost: folders may have come, too.
void ChangeWatcher::look_again() {
  const std::map<int, Folder> known = folders_;
  for (const auto& [_, folder] : known) {
    if (folder.tree) add_children(folder, 1);
  }
  note("more files than can be told");
}

/// Files may have come into it before it was watched.
void ChangeWatcher::take_new_folder(const Folder& parent, const std::string& name) {
  if (!parent.tree || !is_watched_folder(name)) return;
  const Folder folder{parent.path + "/" + name, counts_below(name, parent.counts), true};
  if (is_virtualenv(folder.path)) return;
  add(folder, 1);
  std::error_code why;
  for (fs::recursive_directory_iterator at(folder.path, why), end; !why && at != end;
       at.increment(why)) {
    std::error_code ignored;
    const std::string file = at->path().filename();
    if (at->is_directory(ignored)) {
      if (!is_watched_folder(file)) at.disable_recursion_pending();
    } else if (is_watched_file(file, folder.counts)) {
      return note(at->path());
    }
  }
}

/// A file that has just been made is incomplete until it is closed. A link is complete at once.
bool ChangeWatcher::counts(const Folder& folder, const inotify_event& event,
                           const std::string& name) const {
  if (!is_watched_file(name, folder.counts)) return false;
  return (event.mask & IN_CREATE) == 0 || is_link(folder.path + "/" + name);
}

void ChangeWatcher::note(const std::string& path) {
  const auto now = steady_clock::now();
  if (!first_) first_ = now;
  changed_ = path;
  const auto left = std::clamp<std::chrono::nanoseconds>(*first_ + kLongest - now,
                                                         std::chrono::nanoseconds(1), kQuiet);
  itimerspec when{};
  when.it_value.tv_nsec = static_cast<long>(left.count());
  ::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

// -- Workers

void ChangeWatcher::read_pipe() {
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t size = ::read(pipe_out_.get(), buffer.data(), buffer.size());
    if (size <= 0) return;
    for (const char* at = buffer.data(); at != buffer.data() + size; ++at) {
      if (*at != '\n') {
        if (line_.size() < kLongestLine) line_ += *at;
        continue;
      }
      take_line(std::exchange(line_, {}));
    }
  }
}

void ChangeWatcher::take_line(const std::string& line) {
  const std::size_t blank = std::min(line.find(' '), line.size());
  const std::string what = line.substr(0, blank);
  const std::string value = line.substr(std::min(blank + 1, line.size()));
  if (what == "folder") return watch_folder(value);
  if (what == "tree") return watch_tree(value, Counts::all_files);
  int pid = 0;
  std::from_chars(value.data(), value.data() + value.size(), pid);
  if (what == "busy") busy_ = pid;
  if (what == "free" && busy_ == pid) busy_ = 0;
}

/// A process that has ended frees nothing any more.
bool ChangeWatcher::is_held() const noexcept {
  return busy_ > 0 && ::kill(busy_, 0) == 0;
}

}  // namespace appd::supervisor
