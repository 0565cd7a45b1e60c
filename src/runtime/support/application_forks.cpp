// pthread_atfork handlers that strip a fork of the application of what is appd's.

#include "runtime/support/application_forks.hpp"

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "runtime/support/own_descriptors.hpp"
#include "runtime/support/throw_errno.hpp"
#include "runtime/support/worker_signals.hpp"

namespace appd::support {
namespace {

std::atomic<bool> forked{false};
thread_local bool own_fork = false;
thread_local sigset_t mask_before;

// A handler writes to a pipe that parent and child share. Until the child has dropped appd's
// handlers, a signal to it would act on the parent.
extern "C" void before_fork() {
  if (own_fork) return;
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &mask_before);
}

extern "C" void after_fork_in_parent() {
  if (!own_fork) ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
}

extern "C" void after_fork_in_child() {
  if (own_fork) return;
  forked.store(true, std::memory_order_relaxed);
  leave_own_signals();
  close_own_descriptors();
  ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
}

}  // namespace

void keep_application_forks_apart() {
  static const int error = ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  if (error == 0) return;
  errno = error;
  throw_errno("pthread_atfork");
}

OwnFork::OwnFork() noexcept {
  own_fork = true;
}

OwnFork::~OwnFork() {
  own_fork = false;
}

bool forked_by_application() noexcept {
  return forked.load(std::memory_order_relaxed);
}

}  // namespace appd::support
