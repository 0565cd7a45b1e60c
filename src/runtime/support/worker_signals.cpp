// The handlers that make a worker ignore signals meant for the master.

#include "runtime/support/worker_signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cassert>

#include "runtime/support/harmless_signals.hpp"

namespace appd::support {
namespace {

bool is_left_to_master(int signal) noexcept {
  switch (signal) {
    case SIGINT:
    case SIGTERM:
    case SIGQUIT:
    case SIGHUP:
    case SIGUSR1:
    case SIGUSR2:
      return true;
    default:
      return is_harmless(signal);
  }
}

template <typename Do>
void for_each_left_to_master(Do act) noexcept {
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (is_left_to_master(signal)) act(signal);
  }
}

volatile pid_t worker_pid = 0;  // a handler has no other way to learn it

struct OwnHandler {
  int signal = 0;
  void (*handler)(int) = nullptr;
  struct sigaction before {};
};
std::array<OwnHandler, 2> own_handlers;

// A handler instead of SIG_IGN, which would survive exec: programs that the application runs must
// still die of SIGTERM. So must processes forked without exec and without fork's hooks (clone);
// they inherit the handler.
extern "C" void leave_to_master(int signal) {
  if (::getpid() == worker_pid) return;
  struct sigaction fatal {};
  fatal.sa_handler = SIG_DFL;
  ::sigaction(signal, &fatal, nullptr);
  ::raise(signal);  // delivered when this handler returns
}

void (*handler_of(int signal) noexcept)(int) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

void set_handler(int signal, void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

/// Replaces the handler `from` by `to` wherever it is in force.
void exchange_handlers(void (*from)(int), void (*to)(int)) noexcept {
  for_each_left_to_master([&](int signal) {
    if (handler_of(signal) == from) set_handler(signal, to);
  });
}

}  // namespace

void enter_worker_signals() noexcept {
  inherit_worker_signals();
  exchange_handlers(SIG_DFL, leave_to_master);
  exchange_handlers(SIG_IGN, leave_to_master);
  const sigset_t blocked = signals_left_to_master();
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
}

void inherit_worker_signals() noexcept {
  worker_pid = ::getpid();
}

sigset_t signals_left_to_master() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for_each_left_to_master([&](int signal) { ::sigaddset(&set, signal); });
  return set;
}

void renew_worker_signals() noexcept {
  if (worker_pid == ::getpid()) exchange_handlers(SIG_DFL, leave_to_master);
}

void install_own_handler(int signal, const std::function<void()>& install) {
  OwnHandler* place = own_handlers.data();
  while (place->handler != nullptr && place->signal != signal) ++place;
  assert(place < own_handlers.data() + own_handlers.size());
  struct sigaction before {};
  ::sigaction(signal, nullptr, &before);
  install();
  *place = {signal, handler_of(signal), before};
}

void leave_own_signals() noexcept {
  for (const OwnHandler& own : own_handlers) {
    if (own.handler != nullptr && handler_of(own.signal) == own.handler) {
      ::sigaction(own.signal, &own.before, nullptr);
    }
  }
  exchange_handlers(leave_to_master, SIG_DFL);
}

}  // namespace appd::support
