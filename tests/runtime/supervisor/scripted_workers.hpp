// What the workers of a test do: serve, ignore their orders, or fail to start.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <utility>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/support/exit_code.hpp"

namespace appd::supervisor {

/// A worker's end as it should be: waits for its order, or for the end of its master.
inline int wait_for_order(ipc::WorkerLink& link) {
  for (;;) {
    pollfd waited{link.fd(), POLLIN, 0};
    ::poll(&waited, 1, -1);
    const auto [got, order] = link.receive_order();
    if (got == ipc::WorkerLink::Got::closed) return 0;
    if (got == ipc::WorkerLink::Got::message && order.kind != ipc::MasterOrder::serve) return 0;
  }
}

inline int serve(ipc::WorkerLink link) {
  link.send({ipc::WorkerMessage::Kind::ready, {}, {}});
  return wait_for_order(link);
}

/// The same, whichever worker it is.
inline int serve_all(unsigned, ipc::WorkerLink link, ipc::Scoreboard&) {
  return serve(std::move(link));
}

/// A worker that ignores its orders.
inline int hang(ipc::WorkerLink link) {
  link.send({ipc::WorkerMessage::Kind::ready, {}, {}});
  for (;;) ::pause();
}

/// A worker whose application is broken.
inline int fail(ipc::WorkerLink link) {
  using ipc::StartStep;
  link.send({ipc::WorkerMessage::Kind::step, StartStep::import_application, {}});
  link.send({ipc::WorkerMessage::Kind::failed, StartStep::import_application,
             "No module named 'app'\nTraceback: a line"});
  return support::exit_code::kStart;
}

}  // namespace appd::supervisor
