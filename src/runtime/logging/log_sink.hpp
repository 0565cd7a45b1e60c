// The buffer between a log and a descriptor that may be slow.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "runtime/logging/log_descriptor.hpp"

namespace appd::logging {

/// Takes the lines of a log and never waits for their reader. Lines that the descriptor does not
/// take are kept, up to `kRoom` bytes; beyond that, lines are dropped and counted. Any thread may
/// write.
///
/// After a fork the sink belongs to the parent, whose other threads may have held the lock. In the
/// child, until it calls `adopt`, a line goes out at once or not at all.
class LogSink {
 public:
  static constexpr std::size_t kRoom = 256 * 1024;

  /// `fd` is borrowed. SIGPIPE must be ignored.
  explicit LogSink(int fd) : LogSink(LogDescriptor(fd)) {}
  explicit LogSink(LogDescriptor descriptor);
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  /// Writes one line, or several that belong together, with the line end.
  void write(std::string_view line) noexcept;
  /// True if lines are kept, or were dropped and not reported yet.
  bool behind() const noexcept { return behind_.load(std::memory_order_relaxed) && is_ours(); }
  /// Writes kept lines, as far as they are taken. When none is kept any more, returns once how many
  /// were dropped.
  std::uint64_t resume() noexcept;
  /// Waits until the descriptor takes something, at most this long.
  void wait(std::chrono::milliseconds time) noexcept;
  /// Sets `told`, which is called whenever `behind` becomes true, and at once if it is. It may be
  /// called in any thread, with locks held, but not after the next `on_behind`. Null removes it.
  void on_behind(std::function<void()> told);
  /// Lets processes that the application forks write lines, each at once or not at all.
  void keep_in_forks() const noexcept { descriptor_.keep_in_forks(); }
  /// In a forked child that has one thread: makes the sink this process's own.
  void adopt() noexcept;

 private:
  bool is_ours() const noexcept;
  bool flush_locked() noexcept;
  void keep_locked(std::string_view bytes) noexcept;
  void drop_locked() noexcept;
  void fall_behind_locked() noexcept;

  LogDescriptor descriptor_;
  std::atomic<bool> behind_{false};  // changed under mutex_
  std::mutex mutex_;
  // Guarded by mutex_.
  unsigned owner_;
  std::string kept_;
  std::size_t written_ = 0;  // bytes of what is kept
  std::uint64_t dropped_ = 0;
  std::function<void()> told_;
};

}  // namespace appd::logging
