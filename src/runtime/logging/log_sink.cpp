// Keeps the lines that a log's descriptor does not take, and counts those that it drops.

#include "runtime/logging/log_sink.hpp"

#include <pthread.h>

#include <algorithm>
#include <climits>
#include <exception>
#include <new>
#include <utility>

namespace appd::logging {
namespace {

/// The number of forks between this process and the first one. Cheaper than getpid(2) for each
/// line.
std::atomic<unsigned> forks{0};

unsigned count_forks() noexcept {
  static const int counted =
      ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  return counted == 0 ? forks.load(std::memory_order_relaxed) : 0;
}

/// The next bytes to write of lines that are kept: whole lines, as many as a pipe takes at once.
std::string_view next_piece(std::string_view kept) noexcept {
  if (kept.size() <= PIPE_BUF) return kept;
  const std::size_t last = kept.rfind('\n', PIPE_BUF - 1);
  const std::size_t end = last != kept.npos ? last : kept.find('\n');
  return kept.substr(0, end == kept.npos ? end : end + 1);
}

}  // namespace

LogSink::LogSink(LogDescriptor descriptor)
    : descriptor_(std::move(descriptor)), owner_(count_forks()) {}

bool LogSink::is_ours() const noexcept {
  return owner_ == forks.load(std::memory_order_relaxed);
}

void LogSink::write(std::string_view line) noexcept {
  if (descriptor_.never_waits_for_readers() || !is_ours()) {
    LogDescriptor::Written written;
    do {
      written = descriptor_.try_write(line);
      line.remove_prefix(written.size);
    } while (written.size > 0 && !line.empty());
    return;
  }
  const std::lock_guard lock(mutex_);
  if (!flush_locked()) return keep_locked(line);
  const auto [size, lost] = descriptor_.try_write(line);
  if (size == line.size()) return descriptor_.flushed() ? void() : fall_behind_locked();
  lost ? drop_locked() : keep_locked(line.substr(size));
}

std::uint64_t LogSink::resume() noexcept {
  if (!behind()) return 0;
  const std::lock_guard lock(mutex_);
  if (!flush_locked() || !descriptor_.try_flush()) return 0;
  behind_.store(false, std::memory_order_relaxed);
  return std::exchange(dropped_, 0);
}

/// True if nothing is kept any more.
bool LogSink::flush_locked() noexcept {
  while (!kept_.empty()) {
    const std::string_view piece = next_piece(std::string_view(kept_).substr(written_));
    const auto [size, lost] = descriptor_.try_write(piece);
    if (size == 0 && !lost) return false;
    if (lost) dropped_ += static_cast<std::uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
    written_ += lost ? piece.size() : size;
    if (written_ == kept_.size()) {
      kept_ = {};
      written_ = 0;
    }
  }
  return true;
}

void LogSink::keep_locked(std::string_view bytes) noexcept {
  try {
    if (kept_.size() - written_ + bytes.size() > kRoom) return drop_locked();
    if (kept_.size() + bytes.size() > kRoom) kept_.erase(0, std::exchange(written_, 0));
    kept_.append(bytes);
    fall_behind_locked();
  } catch (const std::bad_alloc&) {
    drop_locked();
  }
}

void LogSink::drop_locked() noexcept {
  ++dropped_;
  fall_behind_locked();
}

void LogSink::fall_behind_locked() noexcept {
  if (behind_.exchange(true, std::memory_order_relaxed) || !told_) return;
  try {
    told_();
  } catch (const std::exception&) {
    // No memory to tell it: the next line tries to write what is kept.
  }
}

void LogSink::wait(std::chrono::milliseconds time) noexcept {
  descriptor_.wait(static_cast<int>(time.count()));
}

void LogSink::on_behind(std::function<void()> told) {
  const std::lock_guard lock(mutex_);
  told_ = std::move(told);
  if (told_ && behind()) told_();
}

void LogSink::adopt() noexcept {
  owner_ = forks.load(std::memory_order_relaxed);
  kept_ = {};
  written_ = 0;
  dropped_ = 0;
  behind_.store(false, std::memory_order_relaxed);
  told_ = nullptr;
}

}  // namespace appd::logging
