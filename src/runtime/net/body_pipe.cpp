// Moves body bytes from the loop to the application, through memory or a spool file.

#include "runtime/net/body_pipe.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/net/spool_file.hpp"

namespace appd::net {
namespace {

/// Memory that a pipe keeps for the next body.
constexpr std::size_t kKeptMemory = 64 * 1024;

}  // namespace

void BodyPipe::open(std::size_t buffer, Overflow overflow, const std::string& spool_dir,
                    SpoolQuota* quota) {
  Lock lock(mutex_);
  state_ = State::open;
  overflow_ = overflow;
  full_ = false;
  buffer_ = buffer;
  arrived_ = 0;
  memory_.clear();
  read_ = 0;
  file_read_ = file_end_ = 0;
  spool_dir_ = &spool_dir;
  quota_ = quota;
  over_quota_ = false;
  error_.clear();
}

void BodyPipe::close() {
  Lock lock(mutex_);
  state_ = State::cut;
  full_ = false;
  if (memory_.capacity() > kKeptMemory) memory_ = {};
  memory_.clear();
  read_ = 0;
  file_.reset();
  file_read_ = file_end_ = 0;
  give_back_space();
}

bool BodyPipe::append(std::string_view bytes) {
  Lock lock(mutex_);
  if (state_ != State::open) return true;
  arrived_ += bytes.size();
  // Once bytes wait in the file, later ones must queue behind them.
  const bool to_file = waiting_in_file() > 0 || (overflow_ == Overflow::spool &&
                                                 waiting_in_memory() + bytes.size() > buffer_);
  if (!to_file) {
    append_to_memory(bytes);
  } else if (!append_to_file(bytes)) {
    state_ = State::cut;
  }
  wake_reader();
  // Stays until `take_resume`: bytes that come while the reader is at it must not undo it.
  if (overflow_ == Overflow::pause && waiting_in_memory() >= buffer_) full_ = true;
  return !full_;
}

void BodyPipe::end() {
  Lock lock(mutex_);
  if (state_ == State::open) state_ = State::ended;
  wake_reader();
}

bool BodyPipe::cut() {
  Lock lock(mutex_);
  if (state_ != State::open) return false;
  state_ = State::cut;
  wake_reader();
  return full_;
}

void BodyPipe::start_spooling() {
  Lock lock(mutex_);
  overflow_ = Overflow::spool;
  full_ = false;
}

bool BodyPipe::full() const {
  Lock lock(mutex_);
  return full_ && state_ == State::open;
}

std::uint64_t BodyPipe::arrived() const {
  Lock lock(mutex_);
  return arrived_;
}

std::optional<std::string> BodyPipe::try_copy() const {
  Lock lock(mutex_);
  if (state_ != State::ended || arrived_ != memory_.size() || read_ > 0) return std::nullopt;
  return std::string(memory_.begin(), memory_.end());
}

std::string BodyPipe::take_error() {
  Lock lock(mutex_);
  return std::exchange(error_, {});
}

bool BodyPipe::over_quota() const {
  Lock lock(mutex_);
  return over_quota_;
}

gateway::BodyRead BodyPipe::try_read(std::span<char> into) {
  Lock lock(mutex_);
  std::size_t got = read_memory(into);
  if (got == 0) got = read_file(into);
  if (got > 0) return {gateway::BodyStatus::data, got};
  switch (state_) {
    case State::ended:
      return {gateway::BodyStatus::end, 0};
    case State::cut:
      return {gateway::BodyStatus::cut, 0};
    case State::open:
      break;
  }
  return {gateway::BodyStatus::would_block, 0};
}

void BodyPipe::wait() {
  Lock lock(mutex_);
  reader_waits_ = true;
  while (state_ == State::open && waiting_in_memory() == 0 && waiting_in_file() == 0) {
    changed_.wait(mutex_);
  }
  reader_waits_ = false;
}

bool BodyPipe::take_resume() {
  Lock lock(mutex_);
  // Resuming at half keeps the loop from being woken for every few bytes.
  if (!full_ || waiting_in_memory() > buffer_ / 2) return false;
  full_ = false;
  return true;
}

void BodyPipe::wake_reader() {
  if (reader_waits_) changed_.notify_one();
}

void BodyPipe::append_to_memory(std::string_view bytes) {
  if (read_ == memory_.size()) {
    memory_.clear();
    read_ = 0;
  } else if (read_ > memory_.size() / 2) {
    memory_.erase(memory_.begin(), memory_.begin() + static_cast<std::ptrdiff_t>(read_));
    read_ = 0;
  }
  memory_.insert(memory_.end(), bytes.begin(), bytes.end());
}

bool BodyPipe::append_to_file(std::string_view bytes) {
  if (quota_ != nullptr && !quota_->try_take(bytes.size())) {
    over_quota_ = true;
    error_ =
        "there is no room for the body: the bodies on disk may not take more together "
        "(--spool-limit)";
    return false;
  }
  taken_ += bytes.size();
  if (!file_) file_ = open_spool_file(*spool_dir_);
  if (!file_) {
    fail("open a file in");
    return false;
  }
  while (!bytes.empty()) {
    const ssize_t n =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(file_end_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      fail("write to");
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
    file_end_ += static_cast<std::uint64_t>(n);
  }
  return true;
}

std::size_t BodyPipe::read_memory(std::span<char> into) {
  const std::size_t n = std::min(into.size(), waiting_in_memory());
  if (n == 0) return 0;
  std::memcpy(into.data(), memory_.data() + read_, n);
  read_ += n;
  return n;
}

std::size_t BodyPipe::read_file(std::span<char> into) {
  const std::size_t wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), waiting_in_file()));
  if (wanted == 0) return 0;
  ssize_t n = 0;
  do {
    n = ::pread(file_.get(), into.data(), wanted, static_cast<off_t>(file_read_));
  } while (n < 0 && errno == EINTR);
  if (n <= 0) {
    fail("read from");
    state_ = State::cut;
    file_read_ = file_end_;
    return 0;
  }
  file_read_ += static_cast<std::uint64_t>(n);
  if (file_read_ == file_end_) {
    file_read_ = file_end_ = 0;
    // A file that was read to its end gives its space back at once; a failure costs only space.
    if (::ftruncate(file_.get(), 0) != 0) file_.reset();
    give_back_space();
  }
  return static_cast<std::size_t>(n);
}

void BodyPipe::give_back_space() {
  const std::uint64_t taken = std::exchange(taken_, 0);
  if (quota_ != nullptr && taken > 0) quota_->give_back(taken);
}

void BodyPipe::fail(const char* call) {
  error_ =
      fmt::format("cannot {} the spool directory {}: {}", call, *spool_dir_, std::strerror(errno));
}

}  // namespace appd::net
