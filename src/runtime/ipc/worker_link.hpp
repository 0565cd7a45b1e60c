// The link between the master and a worker or zygote: messages up, orders down.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "runtime/gateway/reporter.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::ipc {

/// The steps of a worker's start, in order. A failure is reported with the step in which it
/// happened.
enum class StartStep : std::uint8_t {
  enter_directory,    ///< and take the user's rights
  start_interpreter,  ///< execute the worker program
  import_application,
  run_fork_hooks,  ///< in a worker forked by a zygote: hooks of Python and the application
  start_threads,
  warm_up,
};

const char* name(StartStep step) noexcept;

/// A message from a worker or zygote to the master.
struct WorkerMessage {
  /// An upgraded master has workers of an older binary, so new kinds are added at the end.
  enum class Kind : std::uint8_t {
    step,        ///< `step` begins
    ready,       ///< it could serve and waits for the order; a zygote waits for orders to fork
    retired,     ///< it takes no more connections; `text` names the signal that asked it to end,
                 ///< "" if the master or the worker itself decided it
    failed,      ///< `step` failed; the first line of `text` says why (a traceback may follow).
                 ///< The process then exits with exit_code::kStart
    forked,      ///< a zygote has carried out an order to fork
    not_forked,  ///< a zygote could not; `text` says why in one line
    overloaded,  ///< requests wait, and no worker has a thread for them
    stuck,       ///< a call does not return; `text` says which in one line. The worker takes no
                 ///< more requests, finishes the others, and exits with exit_code::kStuck
    exiting,     ///< its requests are done and it exits; `text` has a line for each thread of the
                 ///< application that Python waits for: "0x00007f2a4c1ff6c0 name", with the number
                 ///< as in the stacks that a signal leaves
    program,     ///< `text` names what it runs: "/srv/venv/bin/python, CPython 3.13.5"
  };
  Kind kind = Kind::step;
  StartStep step = StartStep::enter_directory;
  std::string text;
  pid_t sender = 0;  ///< of a received message: the sender, as the kernel reports it
};

/// A longer `text` is cut.
inline constexpr std::size_t kMostMessageText = 16 * 1024;

/// An order of the master. New ones are added at the end, as for messages.
enum class MasterOrder : std::uint8_t {
  serve,   ///< accept connections from now on
  retire,  ///< stop accepting, finish requests, leave idle connections to other workers, exit 0
  /// Like `retire`, but close idle connections: there are no other workers. May follow `retire`.
  drain,
  fork,    ///< to a zygote: fork a worker
  reopen,  ///< continue the logs in files that the master has opened
};

struct Order {
  MasterOrder kind = MasterOrder::drain;
  unsigned index = 0;  ///< of `fork`: the worker's place, from 0
  /// Of `fork`: the worker's end of its link. The zygote keeps it until the order is answered; if
  /// it closes before, there will be no worker. Empty if it could not be received because this
  /// process has no free descriptor.
  support::UniqueFd link{};
  /// Of `reopen`: the new files. A log without one stays as it is.
  support::UniqueFd out{};
  support::UniqueFd err{};
  support::UniqueFd access{};

  gateway::LogStreams logs() const noexcept { return {out.get(), err.get(), access.get()}; }
};

/// One end of the socket pair between the master and a worker or zygote (SOCK_SEQPACKET,
/// close-on-exec). The other side's death reads as the end of the stream; a worker that sees it
/// drains and exits.
class WorkerLink {
 public:
  WorkerLink() = default;
  explicit WorkerLink(support::UniqueFd fd) : fd_(std::move(fd)) {}

  /// The master's end comes first. Throws std::system_error.
  static std::pair<WorkerLink, WorkerLink> make_pair();

  int fd() const noexcept { return fd_.get(); }
  void close() noexcept { fd_.reset(); }
  /// Master only: closes its end, without waiting for what may still be in it.
  void end() noexcept;

  /// Worker only. Waits while the message cannot be sent (the link is full, or there is no memory).
  /// If the master is gone, the message counts as sent; `receive_order` reports that.
  void send(const WorkerMessage& message) noexcept;
  /// Does not wait: returns false if the message cannot be sent now.
  bool try_send(const WorkerMessage& message) noexcept;
  /// Master only; not for `fork` and `reopen`. False if it cannot be sent now: the link is full, or
  /// there is no memory.
  bool send(MasterOrder order) noexcept;
  /// Master only, to a zygote. Copies `worker_end`. False if it cannot be sent now.
  bool send_fork(unsigned index, const WorkerLink& worker_end) noexcept;
  /// Master only. Copies the descriptors. False if it cannot be sent now.
  bool send_reopen(const gateway::LogStreams& logs) noexcept;

  /// `descriptors`: the message carries some, which no worker of ours sends. It stays in the link,
  /// since dropping it can take time; the link can only be ended.
  enum class Got : std::uint8_t { message, nothing, closed, descriptors };
  /// Does not wait for a message; on `nothing`, poll `fd` for reading. While the kernel has no
  /// memory to receive it, each call waits for 10 ms: a caller that polls would not pause.
  std::pair<Got, WorkerMessage> receive_message() noexcept;
  std::pair<Got, Order> receive_order() noexcept;

 private:
  support::UniqueFd fd_;
};

}  // namespace appd::ipc
