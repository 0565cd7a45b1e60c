// Imports the application and forks workers on order.
//
// How a worker is born
// --------------------
// The zygote has the imported application, so only it can fork a worker. But the worker must be the
// master's child: only a parent learns for sure how a process ends, and only a parent can signal it
// without ever hitting another process. So the worker is made an orphan, and the master, which
// takes in orphans (PR_SET_CHILD_SUBREAPER), becomes its parent.
//
//     master            zygote             between           worker
//       |  order, link    |                   |                |
//       |---------------->|  fork             |                |
//       |                 |------------------>|  fork          |
//       |                 |                   |--------------->|  waits until it is an orphan
//       |                 |                   | exit           |
//       |                 |  waits for that   x                |
//       |<=========== the kernel makes the master its parent ==|
//       |     "forked"    |                                    |
//       |<----------------|      "run_fork_hooks", first word  |
//       |<-----------------------------------------------------|
//
// What may go wrong in between, and what happens then:
//
// - The master must not mistake another process for the worker. The order carries the worker's own
//   link; whoever speaks first on it says by that which process it is. The kernel names the sender
//   (SCM_CREDENTIALS), and the master believes it only if waitid(2) knows it as a child. That is
//   why the worker waits until it is an orphan before its first word. It speaks before any Python
//   hook, since those may run code of the application.
// - A fork may fail, in the zygote or in the process between, which then leaves errno as its exit
//   code. The zygote says "not_forked", and why.
// - The zygote may die at any moment. There is one order at a time, so the master knows which
//   worker is in question. A worker that was born speaks for itself. Of one that was not, the link
//   ends, since the zygote had the last copy.
// - No signal may reach the new process before it knows itself as a worker, nor the one between. So
//   signals are blocked until both have gone their ways.
//
// The forks are support/fork_orphan.cpp, the master's side is supervisor/zygote_process.hpp. Why
// not otherwise: docs/decisions/double-fork.md. What else the zygote does for its workers:
// docs/architecture/processes.md.

#include "runtime/worker/zygote.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>

#include "runtime/gateway/flush_pause.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/fork_orphan.hpp"
#include "runtime/support/release_pages.hpp"
#include "runtime/support/signals.hpp"
#include "runtime/support/throw_errno.hpp"
#include "runtime/support/worker_signals.hpp"
#include "runtime/worker/start_report.hpp"

namespace appd::worker {
namespace {

using gateway::LogEvent;
using ipc::MasterOrder;
using ipc::StartStep;
using ipc::WorkerLink;
using ipc::WorkerMessage;
using support::ForkSide;
namespace exit_code = support::exit_code;

class Zygote {
 public:
  Zygote(const config::Settings& settings, ipc::CrashFiles& crash_files,
         gateway::Reporter& reporter, WorkerLink link, const ForkedWorker& worker)
      : settings_(settings),
        crash_files_(crash_files),
        reporter_(reporter),
        link_(std::move(link)),
        worker_(worker) {}

  int run() {
    if (const int code = start(); code != exit_code::kOk) return code;
    support::release_unchanged_file_pages();
    link_.send({WorkerMessage::Kind::ready, {}, {}});
    reporter_.report(LogEvent::zygote_ready,
                     "has imported the application and waits for orders to fork");
    while (true) {
      auto order = wait_for_order();
      if (!order) return exit_code::kOk;
      WorkerLink link(std::move(order->link));
      if (fork(order->index, link) == ForkSide::parent) continue;
      link_.close();
      return worker_(order->index, std::move(link), std::move(python_));
    }
  }

 private:
  int start() {
    StartReport report(link_, reporter_);
    try {
      python_ = start_python(settings_, crash_files_.descriptor(), reporter_);
      report.begin(StartStep::import_application);
      if (preload_application(*python_, settings_, reporter_)) return exit_code::kOk;
      return report.fail("the import has left threads running or sockets open");
    } catch (const std::exception&) {
      return report.fail();
    }
  }

  /// std::nullopt if it is time to end. Waits without the interpreter, which threads that the
  /// import left may need.
  std::optional<ipc::Order> wait_for_order() {
    python_->release_main();
    std::optional<ipc::Order> order = next_order();
    python_->take_main();
    return order;
  }

  std::optional<ipc::Order> next_order() {
    while (true) {
      auto [got, order] = link_.receive_order();
      if (got == WorkerLink::Got::closed) return std::nullopt;
      if (got == WorkerLink::Got::message) {
        if (order.kind == MasterOrder::fork) return std::move(order);
        if (order.kind == MasterOrder::reopen) {
          reporter_.go_on_in(order.logs());
        } else if (order.kind != MasterOrder::serve) {
          return std::nullopt;
        }
      }
      pollfd waited{link_.fd(), POLLIN, 0};
      // A log that was not read is tried again.
      const int timeout = reporter_.flush() ? -1 : static_cast<int>(gateway::kFlushPause.count());
      if (::poll(&waited, 1, timeout) < 0 && errno != EINTR) support::throw_errno("poll");
    }
  }

  /// Replies to the order in the parent. In the child, `link` has told the master who it is.
  ForkSide fork(unsigned index, WorkerLink& link) {
    try {
      if (link.fd() < 0) throw std::system_error(EMFILE, std::generic_category(), "its link");
      const ForkSide side = python_->fork([&] { return fork_worker(index, link); });
      if (side == ForkSide::parent) link_.send({WorkerMessage::Kind::forked, {}, {}});
      return side;
    } catch (const std::system_error& error) {
      link_.send({WorkerMessage::Kind::not_forked, {}, error.what()});
      return ForkSide::parent;
    }
  }

  ForkSide fork_worker(unsigned index, WorkerLink& link) {
    std::fflush(nullptr);  // or both processes would write what stdio holds
    const support::BlockedSignals blocked(support::signals_left_to_master());
    const ForkSide side = support::fork_orphan();
    if (side == ForkSide::child) {
      support::inherit_worker_signals();
      ::setsid();  // as the others have done, see support::leave_terminal
      // First of all: the master knows the process by this message, and may have to kill it.
      link.send({WorkerMessage::Kind::step, StartStep::run_fork_hooks, {}});
      crash_files_.enter(index);
    }
    return side;
  }

  const config::Settings& settings_;
  ipc::CrashFiles& crash_files_;
  gateway::Reporter& reporter_;
  WorkerLink link_;
  const ForkedWorker& worker_;
  std::unique_ptr<python::PythonRuntime> python_;
};

}  // namespace

int run_zygote(const config::Settings& settings, ipc::CrashFiles& crash_files,
               gateway::Reporter& reporter, WorkerLink link, const ForkedWorker& worker) {
  return Zygote(settings, crash_files, reporter, std::move(link), worker).run();
}

}  // namespace appd::worker
