// Workers of another program, as an upgrade leaves them.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <string>

#include "master_options.hpp"
#include "pipe_reporter.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/supervisor/upgrade_state.hpp"

namespace appd::supervisor {

/// The generation that inherited workers are of.
inline constexpr unsigned kInheritedNumber = 7;

/// One that is retired already goes on until it is told to drain.
inline int obey_inherited(ipc::WorkerLink& link, const std::string& name, bool retired,
                          PipeReporter& reporter) {
  using ipc::MasterOrder;
  for (;;) {
    pollfd waited{link.fd(), POLLIN, 0};
    ::poll(&waited, 1, -1);
    const auto [got, order] = link.receive_order();
    if (got == ipc::WorkerLink::Got::closed) return 0;
    if (got != ipc::WorkerLink::Got::message) continue;
    const char* const what = order.kind == MasterOrder::serve    ? " hears serve"
                             : order.kind == MasterOrder::retire ? " hears retire"
                                                                 : " hears drain";
    reporter.note(name + what);
    if (order.kind == MasterOrder::drain || (order.kind == MasterOrder::retire && !retired)) {
      return 0;
    }
  }
}

/// Starts workers as another program would have left them. They note their orders:
/// "inherited 1 hears retire".
inline UpgradeState leave_workers(const MasterOptions::Inherited& found, PipeReporter& reporter) {
  UpgradeState upgrade_state;
  upgrade_state.generation = kInheritedNumber;
  const unsigned all = found.starting + found.ready + found.retired;
  for (unsigned index = 0; index < all; ++index) {
    const bool ready = index >= found.starting && index < found.starting + found.ready;
    const bool retired = index >= found.starting + found.ready;
    auto [master_end, worker_end] = ipc::WorkerLink::make_pair();
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::alarm(120);
      master_end.close();
      for (const auto& earlier : upgrade_state.workers) ::close(earlier.link);
      const std::string name = "inherited " + std::to_string(index);
      if (!ready && !retired) worker_end.send({ipc::WorkerMessage::Kind::ready, {}, {}});
      ::_exit(obey_inherited(worker_end, name, retired, reporter));
    }
    reporter.note("inherited " + std::to_string(index) + " (pid " + std::to_string(pid) + ")");
    upgrade_state.workers.push_back({index, pid, ::dup(master_end.fd()), ready, retired});
  }
  return upgrade_state;
}

}  // namespace appd::supervisor
