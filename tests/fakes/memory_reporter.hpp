// A reporter that keeps lines with their level.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/gateway/reporter.hpp"

namespace appd::fakes {

/// Keeps what is reported. Any thread.
class MemoryReporter final : public gateway::Reporter {
 public:
  struct Entry {
    gateway::LogEvent event;
    gateway::Level level;
    std::string message;
  };

  bool wants(gateway::Level) const noexcept override { return true; }
  void report(gateway::LogEvent event, std::string_view message) noexcept override {
    const std::lock_guard lock(mutex_);
    entries_.push_back({event, facts(event).level, std::string(message)});
  }
  bool wants_access() const noexcept override { return false; }
  void access(const gateway::AccessRecord&) noexcept override {}

  /// What was reported since the last call.
  std::vector<Entry> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(entries_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace appd::fakes
