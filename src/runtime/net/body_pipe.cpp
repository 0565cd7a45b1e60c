// Moves body bytes from the loop to the application, through memory or a spool file.

#include "runtime/net/body_pipe.hpp"

#include <algorithm>
#include <cstring>

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
  spool_.open(spool_dir, quota);
}

void BodyPipe::close() {
  Lock lock(mutex_);
  state_ = State::cut;
  full_ = false;
  if (memory_.capacity() > kKeptMemory) memory_ = {};
  memory_.clear();
  read_ = 0;
  spool_.close();
}

bool BodyPipe::append(std::string_view bytes) {
  Lock lock(mutex_);
  if (state_ != State::open) return true;
  arrived_ += bytes.size();
  // Once bytes wait in the file, later ones must queue behind them.
  const bool to_file = spool_.waiting() > 0 || (overflow_ == Overflow::spool &&
                                                waiting_in_memory() + bytes.size() > buffer_);
  if (!to_file) {
    append_to_memory(bytes);
  } else if (!spool_.append(bytes)) {
    state_ = State::cut;
  }
  wake_reader();
  // Stays set until `take_resume`: bytes that come while the pool thread reads must not clear it.
  if (overflow_ == Overflow::pause && waiting_in_memory() >= buffer_) full_ = true;
  return !full_;
}

bool BodyPipe::complete() const {
  Lock lock(mutex_);
  return state_ == State::ended;
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
  return spool_.take_error();
}

bool BodyPipe::over_quota() const {
  Lock lock(mutex_);
  return spool_.over_quota();
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
  while (state_ == State::open && waiting_in_memory() == 0 && spool_.waiting() == 0) {
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

std::size_t BodyPipe::read_memory(std::span<char> into) {
  const std::size_t n = std::min(into.size(), waiting_in_memory());
  if (n == 0) return 0;
  std::memcpy(into.data(), memory_.data() + read_, n);
  read_ += n;
  return n;
}

std::size_t BodyPipe::read_file(std::span<char> into) {
  const std::optional<std::size_t> got = spool_.read(into);
  if (!got) state_ = State::cut;
  return got.value_or(0);
}

}  // namespace appd::net
