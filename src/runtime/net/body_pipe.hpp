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
  pause,  ///< `append` returns false, so that the loop stops reading: back-pressure
  spool,  ///< the bytes go to an unlinked temporary file
};

/// The body of one request on its way from the loop to the pool thread, first in, first out. In
/// memory up to a bound; beyond it in a file, if asked for.
///
///      memory:  [ already read | ........ unread ........ ]      earlier bytes
///      file:    BodySpool                                        later bytes
///
/// The loop's thread fills it; one pool thread reads it.
class BodyPipe {
 public:
  BodyPipe() = default;

  /// Starts over for a new body. A null `quota` is no limit. Loop's thread.
  void open(std::size_t buffer, Overflow overflow, const std::string& spool_dir,
            SpoolQuota* quota = nullptr);

  /// Takes bytes over. Returns false if the pipe is `full` now. If the file cannot be written, the
  /// body is cut, and `take_error` says why.
  bool append(std::string_view bytes);
  void end();
  /// The rest will not come, or nobody is to have it. Returns true if the pipe was `full`. Either
  /// thread.
  bool cut();
  /// From now on overflow goes to the file, so that the front can go on writing.
  void start_spooling();
  /// True from when `buffer` bytes wait until the reader has taken half of them: the front must
  /// wait. Never true once the body has ended or overflow goes to the file. Either thread.
  bool full() const;
  /// True once the whole body has come. Either thread.
  bool complete() const;
  /// Bytes appended so far.
  std::uint64_t arrived() const;
  /// A copy of the whole body; std::nullopt unless it has ended, is all in memory and is unread.
  std::optional<std::string> try_copy() const;
  /// What went wrong with the file, once; "" if nothing did.
  std::string take_error();
  /// True if the quota has refused bytes of this body.
  bool over_quota() const;
  /// Nobody will read on: gives large memory and the file back, and drops what still arrives.
  /// Either thread.
  void close();

  gateway::BodyRead try_read(std::span<char> into);
  /// Waits until `try_read` would not return would_block.
  void wait();
  /// Ends `full` once half has been read. Returns true if it has ended: the loop must be told.
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
  bool full_ APPD_GUARDED_BY(mutex_) = false;  // counts only while open
  bool reader_waits_ APPD_GUARDED_BY(mutex_) = false;
  std::size_t buffer_ APPD_GUARDED_BY(mutex_) = 0;
  std::uint64_t arrived_ APPD_GUARDED_BY(mutex_) = 0;
  std::vector<char> memory_ APPD_GUARDED_BY(mutex_);
  std::size_t read_ APPD_GUARDED_BY(mutex_) = 0;
  BodySpool spool_ APPD_GUARDED_BY(mutex_);
};

}  // namespace appd::net
