// Writes to a log's descriptor without waiting for its reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/support/unique_fd.hpp"

namespace appd::logging {

/// A descriptor that a log goes to, and the way to write there without waiting for a reader.
/// O_NONBLOCK belongs to the open file, which a shell or another program may share, so it is never
/// set on an inherited descriptor.
///
///   regular file, /dev/null    write(2): waits for a disk at most
///   socket (the journal)       send(2) with MSG_DONTWAIT
///   pipe, FIFO, terminal       opened again by /proc/self/fd, with O_NONBLOCK
///   pipe of another user       cannot be opened: through a pipe of our own, by splice(2)
///   terminal of another user   poll(2) before each write(2): a stop between the two is waited for
///
/// Copies of the process share it. Each write of up to PIPE_BUF bytes goes out whole or not at all.
class LogDescriptor {
 public:
  enum class Way : std::uint8_t { direct, non_blocking, socket, spliced, polled };

  /// `fd` is borrowed. SIGPIPE must be ignored.
  explicit LogDescriptor(int fd);
  /// With a given way; for tests.
  LogDescriptor(int fd, Way way);

  struct Written {
    std::size_t size = 0;  ///< bytes that were taken
    /// True if the other bytes are lost for good; false if they may be taken later.
    bool lost = false;
  };
  Written try_write(std::string_view bytes) noexcept;
  /// False if some of what was taken still waits in our own pipe.
  bool flushed() const noexcept { return flushed_; }
  bool try_flush() noexcept;
  /// Waits until another try makes sense, at most this long.
  void wait(int milliseconds) noexcept;

  /// Lets processes that the application forks write, too.
  void keep_in_forks() const noexcept;

  bool never_waits_for_readers() const noexcept { return way_ == Way::direct; }
  Way way() const noexcept { return way_; }

 private:
  void open_own_pipe();
  Written write_once(std::string_view bytes) noexcept;
  Written write_through_pipe(std::string_view bytes) noexcept;
  void discard() noexcept;

  const int given_;
  int fd_;
  Way way_;
  support::UniqueFd own_;  ///< opened again
  support::UniqueFd in_;   ///< our own pipe
  support::UniqueFd out_;
  bool flushed_ = true;
};

}  // namespace appd::logging
