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

namespace appd::net {
namespace {

/// A leftover up to this size is copied; owning the original costs more.
constexpr std::size_t kCopyLimit = 64 * 1024;
/// Less is copied together and sent as one: a call with one part is cheaper than the copy.
constexpr std::size_t kSmall = 2048;
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

std::string_view view(const iovec& part) {
  return {static_cast<char*>(part.iov_base), part.iov_len};
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

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

Outbox::Status Outbox::write(std::span<const iovec> parts, gateway::Keeper* keeper,
                             const std::atomic<bool>& cancelled) {
  Lock lock(mutex_);
  if (shut_ || cancelled.load(std::memory_order_acquire)) return Status::gone;
  Parts unsent(parts.begin(), parts.end());
  std::size_t first = 0;
  if (queue_.empty()) {
    const bool small = size_of(parts) <= kSmall;
    const Send result = small ? send_small(unsent, first) : send_parts(unsent, first);
    if (result == Send::all) return Status::sent;
    if (result == Send::broken) {
      break_connection();
      return Status::gone;
    }
  }
  keep_rest(std::span(unsent).subspan(first), keeper);
  return Status::queued;
}

Outbox::Status Outbox::write_always(std::string_view bytes) {
  const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  return write(std::span(&part, 1), nullptr, kNeverCancelled);
}

Outbox::Status Outbox::write_file(gateway::FileRange range, const protocol::AnswerFramer& framer,
                                  protocol::Wire wire, const std::atomic<bool>& cancelled) {
  Lock lock(mutex_);
  if (shut_ || cancelled.load(std::memory_order_acquire)) return Status::gone;
  Item item;
  item.file = std::move(range);
  item.framer = framer;
  item.wire = wire;
  queue_.push_back(std::move(item));
  blocked_.store(true, std::memory_order_release);
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

void Outbox::shut() {
  Lock lock(mutex_);
  break_connection();
}

void Outbox::break_connection() {
  shut_ = true;
  queue_.clear();
  waiting_.store(0, std::memory_order_relaxed);
  blocked_.store(false, std::memory_order_release);
  room_.notify_all();
}

Outbox::Send Outbox::send_small(std::span<iovec> parts, std::size_t& first) {
  std::array<char, kSmall> bytes;
  std::size_t size = 0;
  for (const iovec& part : parts) {
    if (part.iov_len > 0) std::memcpy(bytes.data() + size, part.iov_base, part.iov_len);
    size += part.iov_len;
  }
  const ssize_t n = ::send(socket_, bytes.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n == static_cast<ssize_t>(size)) return Send::all;
  if (n < 0 && would_block(errno)) return Send::some;
  if (n > 0) advance(parts, first, static_cast<std::size_t>(n));
  return send_parts(parts, first);  // the rest, or the same again after an interruption
}

Outbox::Send Outbox::send_parts(std::span<iovec> parts, std::size_t& first) {
  while (first < parts.size()) {
    msghdr message{};
    message.msg_iov = parts.data() + first;
    message.msg_iovlen = std::min<std::size_t>(parts.size() - first, IOV_MAX);
    const ssize_t n = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
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
    waiting_.fetch_sub(item.copy.size() - left, std::memory_order_relaxed);
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
  item.copy.clear();
  item.copy.reserve(framed.size());
  for (const iovec& part : framed.parts()) {
    const std::string_view bytes = view(part);
    item.copy.insert(item.copy.end(), bytes.begin(), bytes.end());
  }
  item.parts.assign(1, iovec{item.copy.data(), item.copy.size()});
  item.first = 0;
  waiting_.fetch_add(item.copy.size(), std::memory_order_relaxed);
  return true;
}

void Outbox::keep_rest(std::span<const iovec> rest, gateway::Keeper* keeper) {
  const std::size_t size = size_of(rest);
  Item item;
  if (keeper != nullptr && size > kCopyLimit) {
    item.parts.assign(rest.begin(), rest.end());
    item.owner = keeper->keep();
  } else {
    item.copy.reserve(size);
    for (const iovec& part : rest) {
      const std::string_view bytes = view(part);
      item.copy.insert(item.copy.end(), bytes.begin(), bytes.end());
    }
    item.parts.assign(1, iovec{item.copy.data(), item.copy.size()});
  }
  queue_.push_back(std::move(item));
  waiting_.fetch_add(size, std::memory_order_relaxed);
  blocked_.store(true, std::memory_order_release);
}

}  // namespace appd::net
