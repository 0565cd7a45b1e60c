// A reporter that keeps lines and access records, and can wait for a line.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/log_fields.hpp"
#include "runtime/gateway/reporter.hpp"

namespace appd::test {

/// Keeps everything that is reported, for a test to look at.
class RecordingReporter final : public gateway::Reporter {
 public:
  struct Line {
    gateway::LogEvent event;
    gateway::Level level;
    std::string text;
  };
  struct Access {
    std::string method;
    std::string uri;
    unsigned status;
    std::uint64_t body_bytes;
    std::chrono::nanoseconds queued;
    std::chrono::nanoseconds running;
  };

  bool wants(gateway::Level) const noexcept override { return true; }
  void report(gateway::LogEvent event, std::string_view message) noexcept override {
    const std::lock_guard lock(mutex_);
    lines_.push_back({event, facts(event).level, std::string(message)});
  }
  bool wants_access() const noexcept override { return true; }
  void access(const gateway::AccessRecord& record) noexcept override {
    const std::lock_guard lock(mutex_);
    accesses_.push_back({std::string(record.method), std::string(record.uri), record.status,
                         record.body_bytes, record.queued, record.running});
  }

  std::vector<Line> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::vector<Access> accesses() const {
    const std::lock_guard lock(mutex_);
    return accesses_;
  }
  /// The number of lines that tell this event and name all of `fields`.
  std::size_t count(gateway::LogEvent event, Fields fields = {}) const {
    return count_if(
        [&](const Line& line) { return line.event == event && has_fields(line.text, fields); });
  }
  /// The number of lines of at least that level.
  std::size_t count(gateway::Level least) const {
    return count_if([&](const Line& line) { return line.level >= least; });
  }
  /// Waits for such a line.
  bool hears(gateway::LogEvent event, Fields fields = {}) const {
    return eventually([&] { return count(event, fields) > 0; });
  }

 private:
  template <typename Condition>
  std::size_t count_if(Condition condition) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(lines_.begin(), lines_.end(), condition));
  }

  mutable std::mutex mutex_;
  std::vector<Line> lines_;
  std::vector<Access> accesses_;
};

}  // namespace appd::test
