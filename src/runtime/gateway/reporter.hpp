// The interface through which all layers write log and access log.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "runtime/gateway/log_event.hpp"

namespace appd::gateway {

/// What is known of a request when it ends, answered or given up.
struct AccessRecord {
  std::string_view remote_address;
  std::string_view remote_user;
  std::string_view method;
  std::string_view uri;       ///< as the client sent it (REQUEST_URI)
  std::string_view protocol;  ///< SERVER_PROTOCOL
  std::string_view host;
  std::string_view referer;
  std::string_view user_agent;
  unsigned status = 0;           ///< 499 if the front went away before the response was complete
  std::uint64_t body_bytes = 0;  ///< of the response, without head and framing
  std::chrono::nanoseconds queued{};   ///< from the complete request to the call of the application
  std::chrono::nanoseconds running{};  ///< from that call to the end of the response
};

/// Borrowed descriptors that the logs are written to; −1 if there is none.
struct LogStreams {
  int out = -1;
  int err = -1;
  int access = -1;
};

/// Where every layer reports what happened. Injected, never global. Any thread may call it. No call
/// throws, or waits for a reader of the log.
class Reporter {
 public:
  virtual ~Reporter() = default;

  /// False if events of that level are not logged.
  virtual bool wants(Level level) const noexcept = 0;
  /// Ask before making an expensive text.
  bool wants(LogEvent event) const noexcept { return wants(facts(event).level); }
  /// Further lines of `message` (a traceback) stay together with the first. An event that
  /// clients can cause at will gets at most one line per second. Another line then counts the rest.
  virtual void report(LogEvent event, std::string_view message) noexcept = 0;

  virtual bool wants_access() const noexcept = 0;
  virtual void access(const AccessRecord& record) noexcept = 0;

  /// Writes pending lines, as far as possible without waiting. True if none is left.
  virtual bool flush() noexcept { return true; }
  /// Sets `told`, which is called when there are lines to flush, and at once if there are some
  /// already. It may be called in any thread, with the log's locks held, but not after the next
  /// `on_behind`. Null removes it.
  virtual void on_behind(const std::function<void()>& /*told*/) {}
  /// Continues the logs in copies of these descriptors; a log with −1 stays as it is. Any thread.
  virtual void go_on_in(const LogStreams& /*streams*/) noexcept {}
  /// The process is about to end: gives pending lines a moment to be written.
  virtual void finish() noexcept {}
};

}  // namespace appd::gateway
