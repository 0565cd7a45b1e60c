#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "runtime/gateway/log_event.hpp"

namespace appd::gateway {

/// What is known of one answered (or given up) request when it ends.
struct AccessRecord {
  std::string_view remote_address;
  std::string_view remote_user;
  std::string_view method;
  std::string_view uri;       ///< as the client sent it (REQUEST_URI)
  std::string_view protocol;  ///< SERVER_PROTOCOL
  std::string_view host;
  std::string_view referer;
  std::string_view user_agent;
  unsigned status = 0;                ///< 499: the front went away before the response was complete
  std::uint64_t body_bytes = 0;       ///< of the response, without head and framing
  std::chrono::nanoseconds queued{};  ///< from complete request to the call of the application
  std::chrono::nanoseconds running{};  ///< from the call to the end of the response
};

/// What logs are written to: descriptors, borrowed. −1: none.
struct LogStreams {
  int out = -1;
  int err = -1;
  int access = -1;
};

/// Where a layer says what happened. Injected, never global. Any thread may call; no call throws,
/// or waits for who reads the log.
class Reporter {
 public:
  virtual ~Reporter() = default;

  /// False when events of that level are not logged.
  virtual bool wants(Level level) const noexcept = 0;
  /// Asked before an expensive text is made.
  bool wants(LogEvent event) const noexcept { return wants(facts(event).level); }
  /// Further lines of `message` (a traceback) stay together with the first. Of an event that
  /// clients can cause as often as they like there is one line in a second, then the number of the
  /// others.
  virtual void report(LogEvent event, std::string_view message) noexcept = 0;

  virtual bool wants_access() const noexcept = 0;
  virtual void access(const AccessRecord& record) noexcept = 0;

  /// Writes what could not be written before, as far as that is possible now. True: nothing is
  /// left.
  virtual bool flush() noexcept { return true; }
  /// `told` is called when there is something to flush, and now if there is: in any thread, which
  /// may hold the log's locks, and not after the next call of this. Null: nobody.
  virtual void on_behind(const std::function<void()>& /*told*/) {}
  /// The logs go on in copies of these; where there is none, as before. Any thread.
  virtual void go_on_in(const LogStreams& /*streams*/) noexcept {}
  /// The process is about to end: what is left has a moment to be written.
  virtual void finish() noexcept {}
};

}  // namespace appd::gateway
