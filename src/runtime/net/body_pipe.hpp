// The incoming body of a request, between the loop and a pool thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/exchange.hpp"
#include "runtime/net/body_spool.hpp"
#include "runtime/net/spool_quota.hpp"
#include "runtime/net/thread_safety.hpp"

namespace appd::net {

/// What happens to body bytes that arrive while `buffer` bytes wait unread.
enum class Overflow : std::uint8_t {
  pause,  ///< `append` says that reading should pause: back-pressure
  spool,  ///< they go to an unlinked temporary file
};

/// The body of one request on its way from the loop to the pool thread: first in, first out; in
/// memory up to a bound, beyond it in a file when asked for.
///
///      memory:  [ already read | ........ unread ........ ]      earlier bytes
///      file:    BodySpool                                        later bytes
///
/// The loop's thread fills it, one pool thread reads it.
class BodyPipe {
 public:
  BodyPipe() = default;

  /// Starts over for a new body. `quota`: null is none. Loop's thread.
  void open(std::size_t buffer, Overflow overflow, const std::string& spool_dir,
            SpoolQuota* quota = nullptr);

  /// Takes bytes over. False: it is `full` now. A file that cannot be written cuts the body;
  /// `error` then says why.
  bool append(std::string_view bytes);
  void end();
  /// The rest will not come, or nobody is to have it. True: it was `full`. Either thread.
  bool cut();
  /// From now on overflow is spooled, so that the front can go on writing.
  void start_spooling();
  /// True from when `buffer` bytes wait until the reader has taken half of them, while more may
  /// come and nothing is spooled: the front is to wait. Either thread.
  bool full() const;
  /// Bytes that were appended so far.
  std::uint64_t arrived() const;
  /// A copy of the whole body, if it has ended, is in memory and nobody has read of it.
  std::optional<std::string> try_copy() const;
  /// What went wrong with the file, once; else "".
  std::string take_error();
  /// That was the quota.
  bool over_quota() const;
  /// Nobody reads on: gives large memory and the file back; what still arrives is dropped. Either
  /// thread.
  void close();

  gateway::BodyRead try_read(std::span<char> into);
  /// Waits until `try_read` will not answer would_block.
  void wait();
  /// Ends `full` when half is read. True: it has, and the loop must be told.
  bool take_resume();

 private:
  enum class State : std::uint8_t { open, ended, cut };

  std::size_t waiting_in_memory() const APPD_REQUIRES(mutex_) { return memory_.size() - read_; }
  void append_to_memory(std::string_view bytes) APPD_REQUIRES(mutex_);
  std::size_t read_memory(std::span<char> into) APPD_REQUIRES(mutex_);
  std::size_t read_file(std::span<char> into) APPD_REQUIRES(mutex_);
  void wake_reader() APPD_REQUIRES(mutex_);

  mutable Mutex mutex_;
  Condition changed_;
  State state_ APPD_GUARDED_BY(mutex_) = State::open;
  Overflow overflow_ APPD_GUARDED_BY(mutex_) = Overflow::pause;
  bool full_ APPD_GUARDED_BY(mutex_) = false;  // counts while open
  bool reader_waits_ APPD_GUARDED_BY(mutex_) = false;
  std::size_t buffer_ APPD_GUARDED_BY(mutex_) = 0;
  std::uint64_t arrived_ APPD_GUARDED_BY(mutex_) = 0;
  std::vector<char> memory_ APPD_GUARDED_BY(mutex_);
  std::size_t read_ APPD_GUARDED_BY(mutex_) = 0;
  BodySpool spool_ APPD_GUARDED_BY(mutex_);
};

}  // namespace appd::net
