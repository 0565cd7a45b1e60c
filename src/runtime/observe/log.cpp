#include "runtime/observe/log.hpp"

#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <utility>

#include "runtime/observe/line.hpp"

namespace appd::observe {
namespace {

using gateway::Level;

// JOURNAL_STREAM is "device:inode" of the stream that systemd made (systemd.exec(5)). It stays in
// the environment when the descriptor is redirected, so both must be compared.
bool is_journal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(fd, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

std::string_view level_name(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info ";
    case Level::warning:
      return "warn ";
    case Level::error:
      return "error";
  }
  return "?";
}

// sd-daemon(3): the syslog priorities.
std::string_view journal_priority(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return "<7>";
    case Level::info:
      return "<6>";
    case Level::warning:
      return "<4>";
    case Level::error:
      return "<3>";
  }
  return "";
}

std::string_view without_line_ends(std::string_view text) noexcept {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<Level> parse_level(std::string_view name) noexcept {
  if (name == "debug") return Level::debug;
  if (name == "info") return Level::info;
  if (name == "warning" || name == "warn") return Level::warning;
  if (name == "error") return Level::error;
  return std::nullopt;
}

Log::Log(Level threshold, std::string role, const AccessLog* access, int fd)
    : threshold_(threshold),
      role_(std::move(role)),
      access_(access),
      fd_(fd),
      journal_(is_journal(fd)) {}

void Log::report(Level level, std::string_view message) noexcept {
  if (!wants(level)) return;
  try {
    message = without_line_ends(message);
    Line line;
    append_prefix(line, level);
    while (true) {
      const std::size_t end = message.find('\n');
      append_text(line, message.substr(0, end));
      line.push_back('\n');
      if (end == std::string_view::npos) break;
      message.remove_prefix(end + 1);
      // The journal makes an entry of each line, so each needs its priority.
      fmt::format_to(std::back_inserter(line), "{}  ", journal_ ? journal_priority(level) : "");
    }
    write_line(fd_, {line.data(), line.size()});
  } catch (const std::exception&) {
    // Out of memory for a very long message: whatever is reported matters more than its line.
  }
}

void Log::access(const gateway::AccessRecord& record) noexcept {
  if (access_ != nullptr) access_->write(record);
}

void Log::append_prefix(Line& line, Level level) const {
  if (journal_) {
    fmt::format_to(std::back_inserter(line), "{}[{}] ", journal_priority(level), role_);
    return;
  }
  append_iso_time(line, std::chrono::system_clock::now());
  // Asked anew each time: the application may fork.
  fmt::format_to(std::back_inserter(line), " {} [{} {}] ", level_name(level), ::getpid(), role_);
}

}  // namespace appd::observe
