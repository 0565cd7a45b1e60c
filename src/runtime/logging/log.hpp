// The log of a process.
#pragma once

#include <unistd.h>

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/gateway/reporter.hpp"
#include "runtime/logging/access_log.hpp"
#include "runtime/logging/log_sink.hpp"
#include "runtime/logging/repeat_limiter.hpp"

namespace appd::logging {

/// Reads "debug", "info", "warning" (or "warn") or "error"; std::nullopt for anything else.
std::optional<gateway::Level> parse_level(std::string_view name) noexcept;

/// The process's log on a descriptor (stderr), and the way to its access log. One event is one
/// write(2). Further lines of its text are indented, so no text from outside can pass for an event.
/// If nobody reads the log, lines are kept and then dropped (LogSink); their number is logged when
/// it is read again. Events that clients can provoke are limited (RepeatLimiter), unless the log is
/// to have everything (debug).
///
///   2026-11-20T09:31:26.123Z info  [12345 worker 2] text     a terminal, a file, a pipe
///   <6>[worker 2] text                                       the journal, which adds the rest
class Log final : public gateway::Reporter {
 public:
  /// `role`: "master", "worker 2". `access` must outlive the log; null if there is none. `fd` is
  /// borrowed; it is taken for the journal if JOURNAL_STREAM in the environment names it. SIGPIPE
  /// must be ignored.
  Log(gateway::Level threshold, std::string role, AccessLog* access = nullptr,
      int fd = STDERR_FILENO);
  ~Log() override;

  /// Call both only while the process has one thread. A forked process sets its role to make the
  /// log its own.
  void set_role(std::string role);
  void set_threshold(gateway::Level threshold) noexcept { threshold_ = threshold; }

  bool wants(gateway::Level level) const noexcept override { return level >= threshold_; }
  using gateway::Reporter::wants;
  void report(gateway::LogEvent event, std::string_view message) noexcept override;

  bool wants_access() const noexcept override { return access_ != nullptr; }
  void access(const gateway::AccessRecord& record) noexcept override;

  bool flush() noexcept override;
  void on_behind(const std::function<void()>& told) override;
  void go_on_in(const gateway::LogStreams& streams) noexcept override;
  void finish() noexcept override;

 private:
  void write(gateway::LogEvent event, std::string_view message) noexcept;
  bool admit(gateway::LogEvent event) noexcept;
  bool tell_held_back(RepeatLimiter::Clock::time_point now) noexcept;
  void tell_dropped() noexcept;
  bool access_is_behind() const noexcept;
  void append_prefix(Line& line, const gateway::LogEventFacts& facts) const;

  gateway::Level threshold_;
  std::string role_;
  AccessLog* const access_;
  const bool journal_;
  LogSink sink_;

  std::mutex mutex_;
  RepeatLimiter limiter_;       // guarded by mutex_
  std::function<void()> told_;  // guarded by mutex_
};

}  // namespace appd::logging
