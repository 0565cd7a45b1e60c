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

/// The steps of a worker's start, in order; a failure is reported with the step it happened in.
enum class StartStep : std::uint8_t {
  enter_directory,
  start_interpreter,
  import_application,
  run_fork_hooks,  ///< of a worker that a zygote forks: Python's and the application's
  start_threads,
  warm_up,
};

const char* name(StartStep step) noexcept;

/// What a worker or a zygote tells its master.
struct WorkerMessage {
  /// After an upgrade a master has workers of an older binary: new ones are added at the end.
  enum class Kind : std::uint8_t {
    step,        ///< `step` begins
    ready,       ///< it could serve, and waits for the order; a zygote: for orders to fork
    retired,     ///< it takes no connection any more; `text`: the signal that has asked it to end,
                 ///< "" when that was its master, or itself
    failed,      ///< `step` failed, `text` says why in its first line (the traceback may
                 ///< follow); the process then exits with exit_code::kStart
    forked,      ///< a zygote has done what it was ordered
    not_forked,  ///< it could not: `text` says why in one line
    overloaded,  ///< requests wait, and no worker has a thread for them
    stuck,       ///< a call does not come back, `text` says which in one line: the worker takes no
                 ///< more requests, finishes the others, and exits with exit_code::kStuck
    exiting,     ///< its requests are done, it exits; `text`: a line for each thread of the
                 ///< application that Python waits for, "0x00007f2a4c1ff6c0 name", the number as
                 ///< in the stacks that a signal leaves
  };
  Kind kind = Kind::step;
  StartStep step = StartStep::enter_directory;
  std::string text;
  pid_t sender = 0;  ///< of a message that was received: whose it is, as the kernel says
};

/// A longer `text` is cut.
inline constexpr std::size_t kMostMessageText = 16 * 1024;

/// What the master orders. As for messages: new ones are added at the end.
enum class MasterOrder : std::uint8_t {
  serve,   ///< accept connections from now on
  retire,  ///< stop accepting, finish what runs, leave idle connections to other workers, exit 0
  drain,   ///< the same, but close idle connections: there are no others. May follow `retire`
  fork,    ///< to a zygote: fork a worker
  reopen,  ///< go on with the logs in files that the master has opened
};

struct Order {
  MasterOrder kind = MasterOrder::drain;
  unsigned index = 0;  ///< fork: the worker's place, from 0
  /// fork: the worker's end of its link, to be kept until the order is answered: its end says that
  /// there will be no worker. None when it could not be received, since this process has no
  /// descriptor left.
  support::UniqueFd link{};
  /// reopen: what has become of the logs; others stay as they are.
  support::UniqueFd out{};
  support::UniqueFd err{};
  support::UniqueFd access{};

  gateway::LogStreams logs() const noexcept { return {out.get(), err.get(), access.get()}; }
};

/// One end of the pair of sockets between a master and one worker or zygote (SOCK_SEQPACKET,
/// close-on-exec). The other side's death reads as the end of the stream; a worker that sees it
/// drains and exits.
class WorkerLink {
 public:
  WorkerLink() = default;
  explicit WorkerLink(support::UniqueFd fd) : fd_(std::move(fd)) {}

  /// Master's end first. Throws std::system_error.
  static std::pair<WorkerLink, WorkerLink> make_pair();

  int fd() const noexcept { return fd_.get(); }
  void close() noexcept { fd_.reset(); }
  /// Master's side: closes its end, without waiting for what may still lie in it.
  void end() noexcept;

  /// Worker's side. A gone master is noticed by `receive_order`, and counts as told.
  /// Waits for as long as it cannot be sent: the link is full, or there is no memory.
  void send(const WorkerMessage& message) noexcept;
  /// Does not wait: false when it cannot be sent now.
  bool try_send(const WorkerMessage& message) noexcept;
  /// Master's side; not for `fork` and `reopen`. False when it cannot be sent now: the link is
  /// full, or there is no memory.
  bool send(MasterOrder order) noexcept;
  /// Master's side, to a zygote; `worker_end` is copied. False when it cannot be sent now.
  bool send_fork(unsigned index, const WorkerLink& worker_end) noexcept;
  /// Master's side; the descriptors are copied. False when it cannot be sent now.
  bool send_reopen(const gateway::LogStreams& logs) noexcept;

  /// `descriptors`: the message has some beside it, which no worker of ours sends. It stays where
  /// it is, since to drop it can take time; the link can only be ended.
  enum class Got : std::uint8_t { message, nothing, closed, descriptors };
  /// Non-blocking; `nothing`: poll `fd` for reading.
  std::pair<Got, WorkerMessage> receive_message() noexcept;
  std::pair<Got, Order> receive_order() noexcept;

 private:
  support::UniqueFd fd_;
};

}  // namespace appd::ipc
