// Compares signals, descriptors and threads before and after the import.

#include "runtime/python/import_guard.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <memory>

#include "runtime/python/thread_check.hpp"
#include "runtime/python/thread_stacks.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/throw_errno.hpp"
#include "runtime/support/worker_signals.hpp"

namespace appd::python {
namespace {

bool leads_elsewhere(const struct sigaction& one, const struct sigaction& other) noexcept {
  return one.sa_handler != other.sa_handler;
}

}  // namespace

ImportGuard::ImportGuard(gateway::Reporter& reporter)
    : reporter_(reporter), descriptors_(own_descriptors()) {
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked_);
  ::sigaction(SIGTERM, nullptr, &on_sigterm_);
}

void ImportGuard::check(const std::string& application) const {
  require_descriptors(application);
  require_real_threads(application);
  let_signals_through();
  ignore_sigpipe();
  support::renew_worker_signals();
  tell_of_sigterm();
}

/// Only descriptors that close on exec: the others came with the process and may be anybody's.
std::map<int, ImportGuard::File> ImportGuard::own_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  std::map<int, File> found;
  if (!folder) return found;  // without /proc there is nothing to compare
  while (const dirent* const entry = ::readdir(folder.get())) {
    const int fd = std::atoi(entry->d_name);
    struct stat file {};
    if (fd <= STDERR_FILENO || fd == ::dirfd(folder.get()) || ::fstat(fd, &file) != 0) continue;
    if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0) found[fd] = {file.st_dev, file.st_ino};
  }
  return found;
}

void ImportGuard::require_descriptors(const std::string& application) const {
  const auto lost = std::count_if(descriptors_.begin(), descriptors_.end(), [](const auto& each) {
    struct stat now {};
    return ::fstat(each.first, &now) != 0 || each.second != File{now.st_dev, now.st_ino};
  });
  if (lost == 0) return;
  reporter_.report(gateway::LogEvent::import_closed_descriptors,
                   fmt::format("{}: the import closed {} of appd's descriptors, as os.closerange() "
                               "in daemonizing code does; remove that call",
                               application, lost));
  reporter_.finish();
  ::_exit(support::exit_code::kDescriptors);
}

/// Threads inherit this one's mask. Signals that the application blocks for a waiting thread of its
/// own stay blocked.
void ImportGuard::let_signals_through() const {
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  sigset_t needed;
  ::sigemptyset(&needed);
  std::size_t count = 0;
  for (const int signal : {SIGTERM, SIGABRT, ThreadStacks::signal()}) {
    if (::sigismember(&now, signal) == 0 || ::sigismember(&blocked_, signal) != 0) continue;
    ::sigaddset(&needed, signal);
    ++count;
  }
  if (count == 0) return;
  ::pthread_sigmask(SIG_UNBLOCK, &needed, nullptr);
  warn("blocked signals that appd needs; appd has unblocked them");
}

void ImportGuard::ignore_sigpipe() const {
  struct sigaction action {};
  ::sigaction(SIGPIPE, nullptr, &action);
  if (action.sa_handler != SIG_DFL) return;
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
  warn(
      "set SIGPIPE to its default action; appd ignores it again, or any disconnecting client would "
      "kill the worker");
}

void ImportGuard::tell_of_sigterm() const {
  struct sigaction now {};
  ::sigaction(SIGTERM, nullptr, &now);
  if (leads_elsewhere(now, on_sigterm_)) {
    warn(
        "set a handler for SIGTERM, which is never called: a worker that gets SIGTERM finishes its "
        "requests and exits; register cleanup with atexit");
  }
}

void ImportGuard::warn(const char* what) const {
  reporter_.report(gateway::LogEvent::import_signals, fmt::format("the import {}", what));
}

}  // namespace appd::python
