#include "runtime/support/worker_signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cassert>

namespace appd::support {
namespace {

constexpr std::array kLeftToMaster{SIGINT, SIGTERM, SIGQUIT, SIGHUP};

volatile pid_t worker_pid = 0;  // a handler has no other way to learn it

struct OwnHandler {
  int signal = 0;
  void (*handler)(int) = nullptr;
  struct sigaction before {};
};
std::array<OwnHandler, 2> own_handlers;

// A handler and not SIG_IGN, which would outlive exec: programs that the application runs must die
// of SIGTERM as ever. So must processes that it forks without exec and without the hooks of fork
// (clone), which inherit the handler.
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

}  // namespace

void enter_worker_signals(const sigset_t& mask) noexcept {
  inherit_worker_signals();
  struct sigaction action {};
  action.sa_handler = leave_to_master;
  action.sa_flags = SA_RESTART;
  for (const int signal : kLeftToMaster) ::sigaction(signal, &action, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

void inherit_worker_signals() noexcept {
  worker_pid = ::getpid();
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
  struct sigaction fatal {};
  fatal.sa_handler = SIG_DFL;
  for (const int signal : kLeftToMaster) {
    if (handler_of(signal) == leave_to_master) ::sigaction(signal, &fatal, nullptr);
  }
}

}  // namespace appd::support
