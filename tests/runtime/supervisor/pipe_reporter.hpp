// A reporter whose lines another process reads.
#pragma once

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/gateway/log_event.hpp"
#include "runtime/gateway/reporter.hpp"

namespace appd::supervisor {

/// A reporter whose lines come out of a pipe, so that they cross process borders: "info
/// worker.ready: text". Each ends with a zero byte, as a text may have several lines.
class PipeReporter final : public gateway::Reporter {
 public:
  explicit PipeReporter(int fd) : fd_(fd) {}

  /// What a line begins with that tells this event.
  static std::string head_of(gateway::LogEvent event) {
    static constexpr std::array<const char*, 4> kLevels{"debug ", "info ", "warning ", "error "};
    const gateway::LogEventFacts& told = facts(event);
    return std::string(kLevels[static_cast<std::size_t>(told.level)]).append(told.name) + ": ";
  }
  /// What a line of the test's own begins with, which is no event.
  static constexpr std::string_view kNote = "note: ";

  bool wants(gateway::Level) const noexcept override { return true; }
  void report(gateway::LogEvent event, std::string_view message) noexcept override {
    write(head_of(event).append(message));
  }
  void note(std::string_view text) noexcept { write(std::string(kNote).append(text)); }
  bool wants_access() const noexcept override { return false; }
  void access(const gateway::AccessRecord&) noexcept override {}

 private:
  void write(const std::string& line) noexcept {
    if (::write(fd_, line.c_str(), line.size() + 1) < 0) std::abort();
  }

  int fd_;
};

}  // namespace appd::supervisor
