// Writes to the socket at once, and queues, spools or sends files from the loop.

#include "runtime/net/outbox.hpp"

#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>
#include <utility>

#include "runtime/net/spool_file.hpp"

namespace appd::net {
namespace {

/// A leftover up to this size is copied; owning the original costs more.
constexpr std::size_t kCopyLimit = 64 * 1024;
/// Less is copied together and sent as one: a call with one part is cheaper than the copy.
constexpr std::size_t kSmall = 2048;
/// Room for a small write that is held and the one that goes out with it.
constexpr std::size_t kHeldRoom = 2 * kSmall;
/// Room for more that an item has which is small itself: a flood of small writes costs no more
/// memory than its bytes.
constexpr std::size_t kItemRoom = 4096;
/// With more than this waiting it is overloaded: a stream has twice its buffer at the most.
constexpr std::size_t kCrowd = 2 * kOutgoingBuffer;
constexpr std::size_t kCrowdedItems = 64;
/// What one flush may send before other connections get their turn.
constexpr std::size_t kFlushBudget = 1024 * 1024;
/// File bytes that are framed at once for FastCGI.
constexpr std::size_t kFileBlock = 4 * protocol::ResponseFramer::kMaxRecord;

/// Of one write: a response in one piece has no more parts than fit in here without an allocation.
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

bool write_all(int file, std::span<const iovec> parts) {
  for (const iovec& part : parts) {
    std::string_view bytes(static_cast<const char*>(part.iov_base), part.iov_len);
    while (!bytes.empty()) {
      const ssize_t n = ::write(file, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  return true;
}

/// What a spooled response takes of the quota, for as long as it is there.
class SpoolPart {
 public:
  SpoolPart(SpoolQuota& quota, std::uint64_t bytes) noexcept : quota_(quota), bytes_(bytes) {}
  ~SpoolPart() { quota_.give_back(bytes_); }
  SpoolPart(const SpoolPart&) = delete;
  SpoolPart& operator=(const SpoolPart&) = delete;

 private:
  SpoolQuota& quota_;
  const std::uint64_t bytes_;
};

/// Of a socket, for now.
bool out_of_memory(int error) {
  return error == ENOBUFS || error == ENOMEM;
}

/// sendfile's, where reading and sending may still do.
bool cannot_sendfile(int error) {
  return error == EINVAL || error == EIO || error == ENOSYS || error == EOVERFLOW ||
         error == EOPNOTSUPP || out_of_memory(error);
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
                             const RequestState& request, Urgency urgency) {
  Lock lock(mutex_);
  if (shut_ || request.gone()) return Status::gone;
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
  if (result != Send::all) {
    return keep_rest(std::span(unsent).subspan(first), keeper) ? Status::queued : Status::gone;
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

Outbox::Status Outbox::write_file(gateway::FileRange range, const protocol::ResponseFramer& framer,
                                  protocol::Wire wire, const RequestState& request, FileTold told) {
  Lock lock(mutex_);
  if (shut_ || request.gone()) return Status::gone;
  queue_held();
  Item item;
  item.file = std::move(range);
  item.framer = framer;
  item.wire = wire;
  item.told = std::move(told);
  queue(std::move(item), 0);
  return Status::queued;
}

void Outbox::wait_below(std::size_t bytes, const RequestState& request) {
  Lock lock(mutex_);
  ++waiters_;
  while (!shut_ && !request.gone() && waiting() > bytes) {
    room_.wait(mutex_);
  }
  --waiters_;
}

void Outbox::wake() {
  Lock lock(mutex_);
  room_.notify_all();
}

bool Outbox::overloaded() const noexcept {
  if (!blocked()) return false;
  return waiting() > kCrowd || items_.load(std::memory_order_relaxed) > kCrowdedItems ||
         files_.load(std::memory_order_relaxed) > 0 || memory_.used_up();
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
      const bool broken = result == Send::broken;
      break_connection(broken ? FileEnd::front_gone : FileEnd::broken_off);
      return broken ? Flushed::broken : Flushed::short_file;
    }
    if (waiters_ > 0) room_.notify_all();
    if (result == Send::starved) return Flushed::starved;
    if (result == Send::some) break;
    drop_first(FileEnd::sent);
    if (waiting() < budget_end) break;
  }
  if (queue_.empty()) return Flushed::all;
  return moved ? Flushed::progress : Flushed::nothing;
}

bool Outbox::release_held() {
  Lock lock(mutex_);
  release_due_ = false;
  const bool held = !held_.empty();
  queue_held();
  held_ = {};
  return held;
}

void Outbox::shut() {
  Lock lock(mutex_);
  break_connection();
}

void Outbox::break_connection(FileEnd why) {
  shut_ = true;
  held_ = {};
  while (!queue_.empty()) drop_first(why);
  take_waiting(waiting());
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
      if (out_of_memory(errno)) return Send::starved;
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
    take_waiting(before - after);
    if (result != Send::all) return result;
  }
  if (item.file.length == 0) return Send::all;
  const bool read = item.read || item.wire == protocol::Wire::fastcgi;
  return read ? send_file_read(item) : send_file_plain(item);
}

Outbox::Send Outbox::send_file_plain(Item& item) {
  auto offset = static_cast<off_t>(item.file.offset);
  const std::size_t wanted = std::min<std::uint64_t>(item.file.length, kFlushBudget);
  const ssize_t n = ::sendfile(socket_, item.file.file.get(), &offset, wanted);
  if (n < 0 && cannot_sendfile(errno)) {
    memory_.reporter().report(
        gateway::LogEvent::response_file_read,
        fmt::format("sendfile failed ({}): the file is read instead", std::strerror(errno)));
    item.read = true;
    return send_file_read(item);
  }
  if (n < 0) return would_block(errno) || errno == EINTR ? Send::some : Send::broken;
  if (n == 0) return Send::short_file;
  item.file.offset = static_cast<std::uint64_t>(offset);
  item.file.length -= static_cast<std::uint64_t>(n);
  return item.file.length == 0 ? Send::all : Send::some;
}

Outbox::Send Outbox::send_file_read(Item& item) {
  for (std::size_t staged = 0; staged < kFlushBudget; staged += kFileBlock) {
    if (!stage_file_block(item)) return Send::short_file;
    const Send result = send_parts(item.parts, item.first);
    const std::size_t left = size_of(std::span(item.parts).subspan(item.first));
    take_waiting(item.copy.size - left);
    if (result != Send::all) return result;
    if (item.file.length == 0) return Send::all;
  }
  return Send::some;
}

bool Outbox::stage_file_block(Item& item) {
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
  item.copy.size = 0;
  if (item.wire == protocol::Wire::fastcgi) {
    protocol::Gather framed;
    const std::string_view body(block.data(), got);
    item.framer.frame({}, std::span(&body, 1), item.file.length == 0, framed);
    item.copy.reserve(framed.size());
    item.copy.append(framed.parts());
  } else {
    const iovec plain{block.data(), got};
    item.copy.reserve(got);
    item.copy.append(std::span(&plain, 1));
  }
  item.parts.assign(1, item.copy.part());
  item.first = 0;
  add_waiting(item.copy.size);
  return true;
}

/// False: it could not be kept, and the connection is broken.
bool Outbox::keep_rest(std::span<const iovec> rest, gateway::Keeper* keeper) {
  const std::size_t size = size_of(rest);
  if (size > kCopyLimit && !memory_.has_room_for(size)) return spool(rest, size);
  if (try_append(rest, size)) return true;
  Item item;
  if (keeper != nullptr && size > kCopyLimit) {
    item.parts.assign(rest.begin(), rest.end());
    item.owner = keeper->keep();
    item.copy = std::exchange(held_, {});  // among the parts, perhaps
  } else {
    item.copy.reserve(std::max(size, kItemRoom));
    item.copy.append(rest);
    item.parts.assign(1, item.copy.part());
    held_.size = 0;
  }
  queue(std::move(item), size);
  return true;
}

/// Adds to the last item what fits into its room. Nothing is held while there is one.
bool Outbox::try_append(std::span<const iovec> rest, std::size_t size) {
  if (queue_.empty()) return false;
  Item& last = queue_.back();
  const bool own = last.has_parts() && !last.owner && !last.file.file;
  if (!own || last.copy.room - last.copy.size < size) return false;
  last.copy.append(rest);
  last.parts.back().iov_len += size;
  add_waiting(size);
  return true;
}

/// A thread must not wait for a slow reader, and memory is short: a file takes it.
bool Outbox::spool(std::span<const iovec> rest, std::size_t size) {
  Item item;
  item.wire = protocol::Wire::scgi;  // it has its frames already
  const char* problem = nullptr;
  SpoolQuota* const quota = memory_.quota();
  if (quota != nullptr && !quota->try_take(size)) {
    problem = "all that --spool-limit allows is taken";
  } else {
    if (quota != nullptr) item.owner = std::make_shared<SpoolPart>(*quota, size);
    item.file = {open_spool_file(memory_.spool_dir()), 0, size};
    if (!item.file.file || !write_all(item.file.file.get(), rest)) problem = std::strerror(errno);
  }
  if (problem != nullptr) {
    memory_.reporter().report(
        gateway::LogEvent::response_not_spooled,
        fmt::format(
            "a response was broken off: its front takes it too slowly, and there is no room "
            "for it in the spool directory {}: {}",
            memory_.spool_dir(), problem));
    break_connection();
    return false;
  }
  held_.size = 0;
  queue(std::move(item), 0);
  return true;
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
  if (item.file.file) files_.fetch_add(1, std::memory_order_relaxed);
  add_waiting(size);
  queue_.push_back(std::move(item));
  queued_.fetch_add(1, std::memory_order_relaxed);
  items_.fetch_add(1, std::memory_order_release);
}

void Outbox::drop_first(FileEnd end) {
  Item& first = queue_.front();
  if (first.file.file) files_.fetch_sub(1, std::memory_order_relaxed);
  if (first.told) first.told(end, first.file.length);
  queue_.pop_front();
  items_.fetch_sub(1, std::memory_order_release);
}

void Outbox::add_waiting(std::size_t bytes) noexcept {
  waiting_.fetch_add(bytes, std::memory_order_relaxed);
  memory_.add(bytes);
}

void Outbox::take_waiting(std::size_t bytes) noexcept {
  waiting_.fetch_sub(bytes, std::memory_order_relaxed);
  memory_.take(bytes);
}

}  // namespace appd::net
