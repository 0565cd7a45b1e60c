// Writes to the socket at once, queues what it does not take, and flushes that from the loop.

// How it works
// ------------
// A connection has one outbox, and every byte of a response goes through it. In the usual case it
// only writes: the thread that has a response takes the lock, hands all of it to the socket in one
// call and is done. Everything else here is for the other cases. Bytes wait in this order:
//
//     socket <- queue_ (front) .. queue_ (back) <- held_ <- the next write
//
// held_    One small write of a stream, held so that it goes out together with the next one
//          (docs/decisions/stream-pairs.md). There is at most one, and only while the queue is
//          empty: the next write goes behind it, either in the same call or in the queue.
// queue_   What the socket did not take. Once something is queued, every write is queued behind it,
//          and only the loop sends, with `flush`, when the socket has room. An item is the rest of
//          a write, or a file (outgoing_item.hpp). `keep_rest` decides what becomes of a rest, by
//          its size and the memory that the worker has left
//          (docs/architecture/io.md, "What waits, and where"). A complete response never keeps its
//          thread (docs/decisions/responses-without-a-thread.md).
//
// The lock guards the order, so it also keeps a write in one piece: no other thread gets between
// the parts that the socket has taken and the rest that is queued. Each call on the socket is made
// under the lock, and none blocks: a thread that must wait does so in `wait_below`, for memory and
// not for the socket. After `shut` nothing touches the socket, so the connection may close the
// descriptor, whose number the next connection gets.
//
// Memory is counted twice: `waiting_` is this connection's, for the writer of a stream and for the
// reader of requests (`overloaded`); `memory_` is the worker's. Both change under the lock, with
// each byte that is queued or sent, and may be read without it.

#include "runtime/net/outbox.hpp"

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <utility>

#include "runtime/net/spooled_response.hpp"

namespace appd::net {
namespace {

/// A leftover up to this size is copied; owning the original would cost more.
constexpr std::size_t kCopyLimit = 64 * 1024;
/// Parts of up to this size together are copied and sent as one: a call with several parts costs
/// more than the copy.
constexpr std::size_t kSmall = 2048;
/// Room for a small write that is held and the one that goes out with it.
constexpr std::size_t kHeldRoom = 2 * kSmall;
/// The least room of a copied item, for later small writes: so a flood of them costs no more memory
/// than their bytes.
constexpr std::size_t kItemRoom = 4096;
/// An outbox with more bytes or items than this is overloaded; a stream has at most twice its
/// buffer here.
constexpr std::size_t kOverload = 2 * kOutgoingBuffer;
constexpr std::size_t kOverloadItems = 64;
/// What one flush may send before other connections get their turn.
constexpr std::size_t kFlushBudget = OutgoingItem::kFileBudget;

/// The parts of one write. Those of a response in one piece fit in here without an allocation.
using Parts = boost::container::small_vector<iovec, 8>;

}  // namespace

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
    taken = send_as_one(parts, urgency == Urgency::with_the_file);
    if (taken == size) {
      held_.size = 0;
      return Status::sent;
    }
  }
  return write_rest(parts, taken, keeper);
}

/// Writes what is held and `parts`, except the first `taken` bytes, which the socket has already.
Outbox::Status Outbox::write_rest(std::span<const iovec> parts, std::size_t taken,
                                  gateway::Keeper* keeper) {
  Parts all;
  if (!held_.empty()) all.push_back(held_.part());
  all.insert(all.end(), parts.begin(), parts.end());
  const std::span<iovec> unsent(all.data(), all.size());  // Boost 1.74 does not convert it
  std::size_t first = 0;
  advance(unsent, first, taken);
  const Sending result = queue_.empty() ? send_parts(socket_, unsent, first) : Sending::some;
  if (result == Sending::broken) {
    break_connection();
    return Status::gone;
  }
  if (result != Sending::all) {
    return keep_rest(unsent.subspan(first), keeper) ? Status::queued : Status::gone;
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
                                  const RequestState& request, FileTold told, gateway::End end) {
  Lock lock(mutex_);
  if (shut_ || request.gone()) return Status::gone;
  queue_held();
  queue({std::move(range), framer.frames_body() ? std::optional(framer) : std::nullopt, end,
         std::move(told)});
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
  return waiting() > kOverload || items_.load(std::memory_order_relaxed) > kOverloadItems ||
         files_.load(std::memory_order_relaxed) > 0 || memory_.used_up();
}

Outbox::Flushed Outbox::flush() {
  Lock lock(mutex_);
  std::size_t before = waiting();
  bool moved = false;
  std::size_t budget_end = before > kFlushBudget ? before - kFlushBudget : 0;
  while (!queue_.empty()) {
    const std::uint64_t file_before = queue_.front().file_left();
    const Sending result = send_first();
    moved = moved || waiting() != before || queue_.front().file_left() != file_before;
    if (result == Sending::broken || result == Sending::short_file) {
      const bool broken = result == Sending::broken;
      break_connection(broken ? FileEnd::front_gone : FileEnd::broken_off);
      return broken ? Flushed::broken : Flushed::short_file;
    }
    if (waiters_ > 0) room_.notify_all();
    if (result == Sending::starved) return Flushed::starved;
    if (result == Sending::some) break;
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

/// Sends `parts`, or what is held if there are none, in one piece. Returns how much the socket
/// took; what kept it from taking all is met again with the rest.
std::size_t Outbox::send_as_one(std::span<const iovec> parts, bool more) {
  std::array<char, kSmall> together;
  iovec whole = held_.part();
  if (parts.size() == 1) {
    whole = parts.front();
  } else if (!parts.empty()) {
    copy(parts, together.data());
    whole = {together.data(), size_of(parts)};
  }
  const ssize_t n = send_some(socket_, {&whole, 1}, more);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

Sending Outbox::send_first() {
  OutgoingItem& item = queue_.front();
  const std::size_t before = item.in_memory();
  const Sending result = item.send(socket_, memory_.reporter());
  const std::size_t after = item.in_memory();
  if (after > before) add_waiting(after - before);  // the item has read a block of its file
  if (after < before) take_waiting(before - after);
  return result;
}

/// Returns false if `rest` could not be kept: the connection is then broken.
bool Outbox::keep_rest(std::span<const iovec> rest, gateway::Keeper* keeper) {
  const std::size_t size = size_of(rest);
  if (size > kCopyLimit && !memory_.has_room_for(size)) return spool(rest);
  // Nothing is held while something is queued.
  if (!queue_.empty() && queue_.back().try_append(rest, size)) {
    add_waiting(size);
    return true;
  }
  queue(make_item(rest, size, keeper));
  return true;
}

/// Takes over what is held: as far as it is not sent, it is a part of `rest`.
OutgoingItem Outbox::make_item(std::span<const iovec> rest, std::size_t size,
                               gateway::Keeper* keeper) {
  if (keeper != nullptr && size > kCopyLimit) {
    return OutgoingItem(rest, keeper->keep(), std::exchange(held_, {}));
  }
  OwnBytes copied;
  copied.reserve(std::max(size, kItemRoom));
  copied.append(rest);
  held_.size = 0;
  return OutgoingItem(std::move(copied));
}

/// Puts `rest` into a file: memory is short, and a thread must not wait for a slow front.
bool Outbox::spool(std::span<const iovec> rest) {
  auto item = spool_response(rest, memory_);
  if (!item) {
    gave_up_.store(true, std::memory_order_release);
    break_connection();
    return false;
  }
  held_.size = 0;
  queue(std::move(*item));
  return true;
}

void Outbox::queue_held() {
  if (!held_.empty()) queue(OutgoingItem(std::exchange(held_, {})));
}

void Outbox::queue(OutgoingItem item) {
  if (item.is_file()) files_.fetch_add(1, std::memory_order_relaxed);
  add_waiting(item.in_memory());
  queue_.push_back(std::move(item));
  queued_.fetch_add(1, std::memory_order_relaxed);
  items_.fetch_add(1, std::memory_order_release);
}

void Outbox::drop_first(FileEnd end) {
  const OutgoingItem& first = queue_.front();
  if (first.is_file()) files_.fetch_sub(1, std::memory_order_relaxed);
  first.tell(end);
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
