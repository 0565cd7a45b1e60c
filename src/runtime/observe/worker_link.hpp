#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "runtime/support/unique_fd.hpp"

namespace appd::observe {

/// The steps of a worker's start, in order; a failure is reported with the step it happened in.
enum class StartStep : std::uint8_t {
  enter_directory,
  start_interpreter,
  import_application,
  start_threads,
  open_server,
};

const char* name(StartStep step) noexcept;

/// What a worker tells its master.
struct WorkerMessage {
  enum class Kind : std::uint8_t {
    step,    ///< `step` begins
    ready,   ///< it accepts connections
    failed,  ///< `step` failed, `text` says why in one line; the worker then exits with
             ///< exit_code::kStart
  };
  Kind kind = Kind::step;
  StartStep step = StartStep::enter_directory;
  std::string text;
};

/// What the master orders.
enum class MasterOrder : std::uint8_t {
  drain,  ///< stop accepting, finish what runs, exit 0
};

/// One end of the pair of sockets between a master and one worker (SOCK_SEQPACKET, close-on-exec).
/// The other side's death reads as the end of the stream; a worker that sees it drains and exits.
class WorkerLink {
 public:
  WorkerLink() = default;
  explicit WorkerLink(support::UniqueFd fd) : fd_(std::move(fd)) {}

  /// Master's end first. Throws std::system_error.
  static std::pair<WorkerLink, WorkerLink> make_pair();

  int fd() const noexcept { return fd_.get(); }
  void close() noexcept { fd_.reset(); }

  /// Worker's side. Never throw: a gone master is noticed by `receive_order`.
  void send(const WorkerMessage& message) noexcept;
  /// Master's side.
  void send(MasterOrder order) noexcept;

  enum class Got : std::uint8_t { message, nothing, closed };
  /// Non-blocking; `nothing`: poll `fd` for reading.
  std::pair<Got, WorkerMessage> receive_message() noexcept;
  std::pair<Got, MasterOrder> receive_order() noexcept;

 private:
  support::UniqueFd fd_;
};

}  // namespace appd::observe
