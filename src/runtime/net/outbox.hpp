// The outgoing side of a connection: what the socket did not take waits here.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <span>
#include <string_view>

#include "protocol/response_framer.hpp"
#include "runtime/gateway/exchange.hpp"
#include "runtime/net/outgoing_item.hpp"
#include "runtime/net/outgoing_memory.hpp"
#include "runtime/net/parts.hpp"
#include "runtime/net/request_state.hpp"
#include "runtime/net/thread_safety.hpp"

namespace appd::net {

/// For writers that nobody cancels.
inline const RequestState kNeverCancelled;

/// Bytes that may wait to go out before a streaming application has to wait.
inline constexpr std::size_t kOutgoingBuffer = 256 * 1024;

/// What goes out on one connection. While nothing waits, the thread that has a response writes it
/// to the socket directly; otherwise the response is queued in order, and the loop flushes the
/// queue. The bytes of one `write` stay together, so that records of several FastCGI requests never
/// interleave.
///
/// A small write that may wait is held, to go out with the next one in a single system call. At
/// most one is held, and nothing is queued before it. The loop looks every millisecond and sends
/// the held write if no next one has come.
///
/// Any thread may write; `flush`, `release_held` and `shut` are the loop's. The socket is touched
/// only under the lock and never after `shut`, so its descriptor may be closed then.
class Outbox {
 public:
  Outbox(int socket, OutgoingMemory& memory) noexcept : socket_(socket), memory_(memory) {}

  enum class Status : std::uint8_t {
    sent,        ///< the kernel has all bytes
    held,        ///< they wait for the next write, or for the loop's `release_held`, which is due
    first_held,  ///< the same, but the loop must still be told to `release_held` soon
    queued,      ///< some wait: the loop must `flush` when the socket is writable
    gone,        ///< the front is gone, or the writer was cancelled; nothing (more) will be sent
  };
  enum class Urgency : std::uint8_t {
    now,
    may_wait,       ///< for the next write, when it is small and nothing is held yet
    with_the_file,  ///< that is written next: one packet of TCP takes both
  };

  /// Writes all `parts`, after what is held. What the socket does not take is
  ///   - put into a file, if it is large and the worker's memory has no room for it;
  ///   - else left in place, if it is large and `keeper` is given: what `keeper` makes owns it;
  ///   - else copied.
  /// `request` is checked under the lock: once it is `gone`, nothing more of its writer goes out,
  /// except what was held before.
  Status write(std::span<const iovec> parts, gateway::Keeper* keeper, const RequestState& request,
               Urgency urgency = Urgency::now);

  /// Writes bytes of the server's own; those that must wait are copied.
  Status write_always(std::string_view bytes);

  using FileEnd = net::FileEnd;
  using FileTold = net::FileTold;
  /// Queues a file's range behind what waits; framing is added as the file goes out. `told`
  /// may be empty. It is called once, unless this returns `gone`.
  Status write_file(gateway::FileRange range, const protocol::ResponseFramer& framer,
                    const RequestState& request, FileTold told = {},
                    gateway::End end = gateway::End::last);

  /// Bytes that wait in memory (files count nothing). Any thread.
  std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  /// True while anything waits, files included. Any thread.
  bool blocked() const noexcept { return items_.load(std::memory_order_acquire) > 0; }
  /// True while nothing should be read that may add to what waits. That is so if more waits than
  /// one stream keeps here, if a file waits, or if anything waits and the worker's memory is used
  /// up. Any thread.
  bool overloaded() const noexcept;
  /// True once a response could not be kept for its reader, for lack of room: the connection is to
  /// be closed. Any thread.
  bool gave_up() const noexcept { return gave_up_.load(std::memory_order_acquire); }
  /// A point in the order of what is queued: behind all that waits now. Loop's thread.
  using Place = std::uint64_t;
  Place place() const noexcept { return queued_.load(std::memory_order_relaxed); }
  /// True once all that was queued before `place` has gone out. Loop's thread.
  bool is_out(Place place) const noexcept {
    return queued_.load(std::memory_order_relaxed) - items_.load(std::memory_order_relaxed) >=
           place;
  }
  /// Waits until at most `bytes` wait or the outbox is shut. Ends, too, at a `wake` if `request` is
  /// gone.
  void wait_below(std::size_t bytes, const RequestState& request);
  /// Makes waiting writers look at their requests again.
  void wake();

  enum class Flushed : std::uint8_t {
    all,
    progress,    ///< the socket took some bytes, and more wait
    nothing,     ///< the socket took no byte
    starved,     ///< the kernel has no memory now, and does not tell when it has
    broken,      ///< the front is gone
    short_file,  ///< a file ended, or could not be read, before its announced length; shut
  };
  /// Sends what waits, at most about a megabyte; returns `progress` if more is left.
  Flushed flush();

  /// Queues what is held. Returns true if something was: the loop must then `flush`. The next write
  /// that is held returns `first_held`.
  bool release_held();

  /// The connection ends: drops what waits, wakes waiting writers, and refuses all later writes.
  void shut();

 private:
  Status hold(std::span<const iovec> parts) APPD_REQUIRES(mutex_);
  Status write_rest(std::span<const iovec> parts, std::size_t taken, gateway::Keeper* keeper)
      APPD_REQUIRES(mutex_);
  void queue_held() APPD_REQUIRES(mutex_);
  void queue(OutgoingItem item) APPD_REQUIRES(mutex_);
  void drop_first(FileEnd end) APPD_REQUIRES(mutex_);
  void add_waiting(std::size_t bytes) noexcept;
  void take_waiting(std::size_t bytes) noexcept;
  std::size_t send_as_one(std::span<const iovec> parts, bool more) APPD_REQUIRES(mutex_);
  Sending send_first() APPD_REQUIRES(mutex_);
  bool keep_rest(std::span<const iovec> rest, gateway::Keeper* keeper) APPD_REQUIRES(mutex_);
  OutgoingItem make_item(std::span<const iovec> rest, std::size_t size, gateway::Keeper* keeper)
      APPD_REQUIRES(mutex_);
  bool spool(std::span<const iovec> rest) APPD_REQUIRES(mutex_);
  void break_connection(FileEnd why = FileEnd::front_gone) APPD_REQUIRES(mutex_);

  const int socket_;
  OutgoingMemory& memory_;
  // Changed under the lock.
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::size_t> items_{0};
  std::atomic<std::size_t> files_{0};     // of the items
  std::atomic<std::uint64_t> queued_{0};  // items that were ever queued
  std::atomic<bool> gave_up_{false};

  Mutex mutex_;
  Condition room_;
  unsigned waiters_ APPD_GUARDED_BY(mutex_) = 0;
  bool shut_ APPD_GUARDED_BY(mutex_) = false;
  bool release_due_ APPD_GUARDED_BY(mutex_) = false;  // the loop has been told of a held write
  OwnBytes held_ APPD_GUARDED_BY(mutex_);             // empty while something is queued
  std::list<OutgoingItem> queue_ APPD_GUARDED_BY(mutex_);
};

}  // namespace appd::net
