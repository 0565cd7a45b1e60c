#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace appd::gateway {

enum class Level { debug, info, warning, error };

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
  unsigned status = 0;                 ///< 499: the front went away before the answer was complete
  std::uint64_t body_bytes = 0;        ///< of the answer, without head and framing
  std::chrono::nanoseconds queued{};   ///< from complete request to the call of the application
  std::chrono::nanoseconds running{};  ///< from the call to the end of the answer
};

/// Where a layer says what happened. Injected, never global. Any thread may call; no call throws or
/// waits for anything but the log's own descriptor.
class Reporter {
 public:
  virtual ~Reporter() = default;

  /// False when a message of that level would be dropped; asked before an expensive text is made.
  virtual bool wants(Level level) const noexcept = 0;
  /// One event. Further lines of `message` (a traceback) stay together with the first.
  virtual void report(Level level, std::string_view message) noexcept = 0;

  virtual bool wants_access() const noexcept = 0;
  virtual void access(const AccessRecord& record) noexcept = 0;
};

}  // namespace appd::gateway
