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

/// Takes the lines of a log and never waits for who reads them. What the descriptor does not take
/// is kept, up to `kRoom` bytes; beyond that lines are dropped, and counted. Any thread may write.
///
/// After a fork it is the parent's: in the child a line goes out at once or not at all, since the
/// parent's other threads may have held the lock, until `adopt` is called there.
class LogSink {
 public:
  static constexpr std::size_t kRoom = 256 * 1024;

  /// `fd` is borrowed. SIGPIPE must be ignored.
  explicit LogSink(int fd) : LogSink(LogDescriptor(fd)) {}
  explicit LogSink(LogDescriptor descriptor);
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  /// One line, or several that belong together, with the end.
  void write(std::string_view line) noexcept;
  /// Something is kept, or lines have been dropped that nobody was told of.
  bool behind() const noexcept { return behind_.load(std::memory_order_relaxed) && is_ours(); }
  /// Writes what is kept, as far as it is taken. Gives how many lines have been dropped, once, when
  /// nothing is kept any more.
  std::uint64_t resume() noexcept;
  /// Waits until the descriptor takes something, at most for so long.
  void wait(std::chrono::milliseconds time) noexcept;
  /// `told` is called whenever `behind` becomes true, and now if it is: in any thread, which may
  /// hold locks, and not after the next call of this. Null: nobody.
  void on_behind(std::function<void()> told);
  /// What the application forks may write lines, each at once or not at all.
  void leave_to_forks() const noexcept { descriptor_.leave_to_forks(); }
  /// In a forked child that has but one thread: it is this process's from now on.
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
  std::size_t written_ = 0;  // of what is kept
  std::uint64_t dropped_ = 0;
  std::function<void()> told_;
};

}  // namespace appd::logging
