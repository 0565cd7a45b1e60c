// Formats log lines for the journal or a plain stream, and reports lines that were dropped.

#include "runtime/logging/log.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <utility>

#include "runtime/logging/line.hpp"
#include "runtime/logging/log_file.hpp"

namespace appd::logging {
namespace {

using gateway::Level;
using gateway::LogEvent;

// JOURNAL_STREAM is "device:inode" of the stream that systemd made (systemd.exec(5)). It stays in
// the environment when the descriptor is redirected, so both numbers must be compared.
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

// The syslog priorities of sd-daemon(3).
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

Log::Log(Level threshold, std::string role, AccessLog* access, int fd)
    : threshold_(threshold),
      role_(std::move(role)),
      access_(access),
      journal_(is_journal(fd)),
      sink_(fd) {
  sink_.keep_in_forks();
}

Log::~Log() {
  finish();
}

void Log::set_role(std::string role) {
  role_ = std::move(role);
  sink_.adopt();
  if (access_ != nullptr) access_->sink().adopt();
}

void Log::report(LogEvent event, std::string_view message) noexcept {
  const gateway::LogEventFacts& of = facts(event);
  if (!wants(of.level) || (of.limited() && !admit(event))) return;
  tell_dropped();
  write(event, message);
}

void Log::write(LogEvent event, std::string_view message) noexcept {
  const gateway::LogEventFacts& of = facts(event);
  try {
    message = without_line_ends(message);
    Line line;
    append_prefix(line, of);
    while (true) {
      const std::size_t end = message.find('\n');
      append_text(line, message.substr(0, end));
      line.push_back('\n');
      if (end == std::string_view::npos) break;
      message.remove_prefix(end + 1);
      // The journal makes an entry of each line, so each needs its priority.
      fmt::format_to(std::back_inserter(line), "{}  ", journal_ ? journal_priority(of.level) : "");
    }
    sink_.write({line.data(), line.size()});
  } catch (const std::exception&) {
    // No memory for a very long message: the event matters more than its line.
  }
}

void Log::access(const gateway::AccessRecord& record) noexcept {
  if (access_ != nullptr) access_->write(record);
}

// -- What is owed

bool Log::flush() noexcept {
  const bool all_told = tell_held_back(RepeatLimiter::Clock::now());
  tell_dropped();
  return all_told && !sink_.behind() && !access_is_behind();
}

bool Log::access_is_behind() const noexcept {
  return access_ != nullptr && access_->sink().behind();
}

void Log::tell_dropped() noexcept {
  const auto tell = [this](LogSink& sink, const char* what) {
    const std::uint64_t dropped = sink.resume();
    if (dropped == 0) return;
    std::array<char, 128> text{};
    const auto end = fmt::format_to_n(text.data(), text.size(),
                                      "{} lines were dropped while {} was not read", dropped, what);
    write(LogEvent::log_dropped, {text.data(), std::min(end.size, text.size())});
  };
  if (sink_.behind()) tell(sink_, "the log");
  if (access_is_behind()) tell(access_->sink(), "the access log");
}

/// Whether a line of this event is to be written now.
bool Log::admit(LogEvent event) noexcept {
  if (wants(Level::debug)) return true;
  const RepeatLimiter::Clock::time_point now = RepeatLimiter::Clock::now();
  tell_held_back(now);
  const std::lock_guard lock(mutex_);
  const bool owed = limiter_.owes();
  if (limiter_.admit(event, now)) return true;
  if (!owed && told_) told_();
  return false;
}

/// Reports what is due at `now`. True if nothing is held back any more.
bool Log::tell_held_back(RepeatLimiter::Clock::time_point now) noexcept {
  const std::lock_guard lock(mutex_);
  limiter_.take_owed(now, [this](LogEvent event, std::uint64_t count) {
    std::array<char, 128> text{};
    const auto end =
        fmt::format_to_n(text.data(), text.size(), "and {} more like this in the last second: {}",
                         count, facts(event).others);
    write(event, {text.data(), std::min(end.size, text.size())});
  });
  return !limiter_.owes();
}

void Log::on_behind(const std::function<void()>& told) {
  {
    const std::lock_guard lock(mutex_);
    told_ = told;
    if (told_ && limiter_.owes()) told_();
  }
  sink_.on_behind(told);
  if (access_ != nullptr) access_->sink().on_behind(told);
}

void Log::go_on_in(const gateway::LogStreams& streams) noexcept {
  go_on(STDOUT_FILENO, streams.out);
  go_on(STDERR_FILENO, streams.err);
  if (access_ != nullptr) access_->go_on_in(streams.access);
}

void Log::finish() noexcept {
  constexpr std::chrono::milliseconds kInAll{400};
  constexpr std::chrono::milliseconds kEach{20};
  tell_held_back(RepeatLimiter::Clock::time_point::max());
  const auto end = std::chrono::steady_clock::now() + kInAll;
  while (!flush() && std::chrono::steady_clock::now() < end) {
    sink_.behind() ? sink_.wait(kEach) : access_->sink().wait(kEach);
  }
}

void Log::append_prefix(Line& line, const gateway::LogEventFacts& of) const {
  if (journal_) {
    fmt::format_to(std::back_inserter(line), "{}[{}] {}: ", journal_priority(of.level), role_,
                   of.name);
    return;
  }
  append_iso_time(line, std::chrono::system_clock::now());
  // Asked for each line, since the application may fork.
  fmt::format_to(std::back_inserter(line), " {} [{} {}] {}: ", level_name(of.level), ::getpid(),
                 role_, of.name);
}

}  // namespace appd::logging
