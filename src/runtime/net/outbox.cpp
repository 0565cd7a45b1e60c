#include "runtime/net/outbox.hpp"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace appd::net {
namespace {

/// A leftover up to this size is copied; owning the original costs more.
constexpr std::size_t kCopyLimit = 64 * 1024;
/// Less is copied together and sent as one: a call with one part is cheaper than the copy.
constexpr std::size_t kSmall = 2048;
/// Room for a small write that is held and the one that goes out with it.
constexpr std::size_t kHeldRoom = 2 * kSmall;
/// What one flush may send before other connections get their turn.
constexpr std::size_t kFlushBudget = 1024 * 1024;
/// File bytes that are framed at once for FastCGI.
constexpr std::size_t kFileBlock = 4 * protocol::AnswerFramer::kMaxRecord;

/// Of one write: an answer in one piece has no more parts than fit in here without an allocation.
using Parts = boost::container::small_vector<iovec, 8>;

std::size_t size_of(std::span<const iovec> parts) {
  std::size_t size = 0;
  for (const iovec& part : parts) size += part.iov_len;
  return size;
}

void copy(std::span<const iovec> parts, char* to) noexcept {
  for (const iovec& part : parts) {
    if (part.iov_len > 0) std::memcpy(to, part.iov_base, part.iov_len);
    to += part.iov_len;
  }
}

/// Takes `n` sent bytes off the parts from `first` on.
void advance(std::span<iovec> parts, std::size_t& first, std::size_t n) {
  while (n > 0) {
    iovec& part = parts[first];
    const std::size_t taken = std::min(n, part.iov_len);
    part.iov_base = static_cast<char*>(part.iov_base) + taken;
    part.iov_len -= taken;
    n -= taken;
    if (part.iov_len == 0) ++first;
  }
  while (first < parts.size() && parts[first].iov_len == 0) ++first;
}

ssize_t send_some(int socket, std::span<iovec> parts) {
  constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
  if (parts.size() == 1) return ::send(socket, parts[0].iov_base, parts[0].iov_len, kFlags);
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = std::min<std::size_t>(parts.size(), IOV_MAX);
  return ::sendmsg(socket, &message, kFlags);
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

void Outbox::Bytes::reserve(std::size_t bytes) {
  if (room >= bytes) return;
  data = std::make_unique_for_overwrite<char[]>(bytes);
  room = bytes;
}

void Outbox::Bytes::append(std::span<const iovec> parts) noexcept {
  copy(parts, data.get() + size);
  size += size_of(parts);
}

Outbox::Status Outbox::write(std::span<const iovec> parts, gateway::Keeper* keeper,
                             const std::atomic<bool>& cancelled, Urgency urgency) {
  Lock lock(mutex_);
  if (shut_ || cancelled.load(std::memory_order_acquire)) return Status::gone;
  const std::size_t size = held_.size + size_of(parts);
  if (size == 0) return queue_.empty() ? Status::sent : Status::queued;
  const bool may_hold = urgency == Urgency::may_wait && held_.empty() && queue_.empty();
  if (may_hold && size <= kSmall) return hold(parts);

  if (!held_.empty() && size <= kHeldRoom) {
    held_.append(parts);
    parts = {};
  }
  std::size_t taken = 0;
  const bool as_one = parts.empty() || size <= kSmall;
  if (as_one && queue_.empty()) {
    taken = send_as_one(parts);
    if (taken == size) {
      held_.size = 0;
      return Status::sent;
    }
  }
  return write_rest(parts, taken, keeper);
}

/// Writes what is held and `parts`, but for the first bytes, which the socket has taken.
Outbox::Status Outbox::write_rest(std::span<const iovec> parts, std::size_t taken,
                                  gateway::Keeper* keeper) {
  Parts unsent;
  if (!held_.empty()) unsent.push_back(held_.part());
  unsent.insert(unsent.end(), parts.begin(), parts.end());
  std::size_t first = 0;
  advance(unsent, first, taken);
  const Send result = queue_.empty() ? send_parts(unsent, first) : Send::some;
  if (result == Send::broken) {
    break_connection();
    return Status::gone;
  }
  if (result == Send::some) {
    keep_rest(std::span(unsent).subspan(first), keeper);
    return Status::queued;
  }
  held_.size = 0;
  return Status::sent;
}

Outbox::Status Outbox::hold(std::span<const iovec> parts) {
  held_.reserve(kHeldRoom);
  held_.append(parts);
  return std::exchange(release_due_, true) ? Status::held : Status::first_held;
}

Outbox::Status Outbox::write_always(std::string_view bytes) {
  const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  return write(std::span(&part, 1), nullptr, kNeverCancelled);
}

Outbox::Status Outbox::write_file(gateway::FileRange range, const protocol::AnswerFramer& framer,
                                  protocol::Wire wire, const std::atomic<bool>& cancelled) {
  Lock lock(mutex_);
  if (shut_ || cancelled.load(std::memory_order_acquire)) return Status::gone;
  queue_held();
  Item item;
  item.file = std::move(range);
  item.framer = framer;
  item.wire = wire;
  queue(std::move(item), 0);
  return Status::queued;
}

void Outbox::wait_below(std::size_t bytes, const std::atomic<bool>& cancelled) {
  Lock lock(mutex_);
  ++waiters_;
  while (!shut_ && !cancelled.load(std::memory_order_acquire) && waiting() > bytes) {
    room_.wait(mutex_);
  }
  --waiters_;
}

void Outbox::wake() {
  Lock lock(mutex_);
  room_.notify_all();
}

Outbox::Flushed Outbox::flush() {
  Lock lock(mutex_);
  std::size_t before = waiting();
  bool moved = false;
  std::size_t budget_end = before > kFlushBudget ? before - kFlushBudget : 0;
  while (!queue_.empty()) {
    const std::uint64_t file_before = queue_.front().file.length;
    const Send result = send_item(queue_.front());
    moved = moved || waiting() != before || queue_.front().file.length != file_before;
    if (result == Send::broken || result == Send::short_file) {
      break_connection();
      return result == Send::broken ? Flushed::broken : Flushed::short_file;
    }
    if (waiters_ > 0) room_.notify_all();
    if (result == Send::some) break;
    queue_.pop_front();
    if (waiting() < budget_end) break;
  }
  blocked_.store(!queue_.empty(), std::memory_order_release);
  if (queue_.empty()) return Flushed::all;
  return moved ? Flushed::progress : Flushed::nothing;
}

Outbox::Released Outbox::release_held() {
  // A stream that makes haste has the lock most of the time; waiting for it would slow both down.
  if (!mutex_.try_lock()) return Released::busy;
  const Lock lock(mutex_, std::adopt_lock);
  release_due_ = false;
  if (held_.empty()) {
    held_ = {};
    return Released::nothing;
  }
  queue_held();
  return Released::queued;
}

void Outbox::shut() {
  Lock lock(mutex_);
  break_connection();
}

void Outbox::break_connection() {
  shut_ = true;
  held_ = {};
  queue_.clear();
  waiting_.store(0, std::memory_order_relaxed);
  blocked_.store(false, std::memory_order_release);
  room_.notify_all();
}

/// Sends what is held or, where that is nothing, `parts`, as one. How much the socket took;
/// whatever kept it from taking all is met again with the rest.
std::size_t Outbox::send_as_one(std::span<const iovec> parts) {
  std::array<char, kSmall> together;
  iovec whole = held_.part();
  if (parts.size() == 1) {
    whole = parts.front();
  } else if (!parts.empty()) {
    copy(parts, together.data());
    whole = {together.data(), size_of(parts)};
  }
  const ssize_t n = send_some(socket_, {&whole, 1});
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

Outbox::Send Outbox::send_parts(std::span<iovec> parts, std::size_t& first) {
  while (first < parts.size()) {
    const ssize_t n = send_some(socket_, parts.subspan(first));
    if (n < 0) {
      if (errno == EINTR) continue;
      return would_block(errno) ? Send::some : Send::broken;
    }
    advance(parts, first, static_cast<std::size_t>(n));
  }
  return Send::all;
}

Outbox::Send Outbox::send_item(Item& item) {
  if (item.has_parts()) {
    const std::size_t before = size_of(std::span(item.parts).subspan(item.first));
    const Send result = send_parts(item.parts, item.first);
    const std::size_t after = size_of(std::span(item.parts).subspan(item.first));
    waiting_.fetch_sub(before - after, std::memory_order_relaxed);
    if (result != Send::all) return result;
  }
  if (item.file.length == 0) return Send::all;
  return item.wire == protocol::Wire::fastcgi ? send_file_framed(item) : send_file_plain(item);
}

Outbox::Send Outbox::send_file_plain(Item& item) {
  auto offset = static_cast<off_t>(item.file.offset);
  const std::size_t wanted = std::min<std::uint64_t>(item.file.length, kFlushBudget);
  const ssize_t n = ::sendfile(socket_, item.file.file.get(), &offset, wanted);
  if (n < 0) return would_block(errno) || errno == EINTR ? Send::some : Send::broken;
  if (n == 0) return Send::short_file;
  item.file.offset = static_cast<std::uint64_t>(offset);
  item.file.length -= static_cast<std::uint64_t>(n);
  return item.file.length == 0 ? Send::all : Send::some;
}

Outbox::Send Outbox::send_file_framed(Item& item) {
  for (std::size_t staged = 0; staged < kFlushBudget; staged += kFileBlock) {
    if (!stage_file_records(item)) return Send::short_file;
    const Send result = send_parts(item.parts, item.first);
    const std::size_t left = size_of(std::span(item.parts).subspan(item.first));
    waiting_.fetch_sub(item.copy.size - left, std::memory_order_relaxed);
    if (result != Send::all) return result;
    if (item.file.length == 0) return Send::all;
  }
  return Send::some;
}

bool Outbox::stage_file_records(Item& item) {
  const std::size_t wanted = std::min<std::uint64_t>(item.file.length, kFileBlock);
  std::vector<char> block(wanted);
  ssize_t n = 0;
  do {
    n = ::pread(item.file.file.get(), block.data(), wanted, static_cast<off_t>(item.file.offset));
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  const auto got = static_cast<std::size_t>(n);
  item.file.offset += got;
  item.file.length -= got;
  protocol::Gather framed;
  const std::string_view body(block.data(), got);
  item.framer.frame({}, std::span(&body, 1), item.file.length == 0, framed);
  item.copy.size = 0;
  item.copy.reserve(framed.size());
  item.copy.append(framed.parts());
  item.parts.assign(1, item.copy.part());
  item.first = 0;
  waiting_.fetch_add(item.copy.size, std::memory_order_relaxed);
  return true;
}

void Outbox::keep_rest(std::span<const iovec> rest, gateway::Keeper* keeper) {
  const std::size_t size = size_of(rest);
  Item item;
  if (keeper != nullptr && size > kCopyLimit) {
    item.parts.assign(rest.begin(), rest.end());
    item.owner = keeper->keep();
    item.copy = std::exchange(held_, {});  // among the parts, perhaps
  } else {
    item.copy.reserve(size);
    item.copy.append(rest);
    item.parts.assign(1, item.copy.part());
    held_.size = 0;
  }
  queue(std::move(item), size);
}

void Outbox::queue_held() {
  if (held_.empty()) return;
  Item item;
  item.copy = std::exchange(held_, {});
  item.parts.assign(1, item.copy.part());
  const std::size_t size = item.copy.size;
  queue(std::move(item), size);
}

void Outbox::queue(Item item, std::size_t size) {
  queue_.push_back(std::move(item));
  waiting_.fetch_add(size, std::memory_order_relaxed);
  blocked_.store(true, std::memory_order_release);
}

}  // namespace appd::net
