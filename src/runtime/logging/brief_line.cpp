// Writes times and sizes with units that fit them.

#include "runtime/logging/brief_line.hpp"

#include <array>
#include <cstdint>
#include <ctime>
#include <iterator>
#include <string_view>

namespace appd::logging {
namespace {

using gateway::AccessRecord;
using Time = std::chrono::system_clock::time_point;

// Of a terminal, by the first digit of the status.
constexpr std::array<std::string_view, 6> kColors{"",         "",         "\x1b[32m",
                                                  "\x1b[36m", "\x1b[33m", "\x1b[31m"};
constexpr std::string_view kPlain = "\x1b[0m";

void append(Line& line, std::string_view text) {
  line.append(text.data(), text.data() + text.size());
}

void append_clock(Line& line, Time now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  fmt::format_to(std::back_inserter(line), "{:02}:{:02}:{:02}", local.tm_hour, local.tm_min,
                 local.tm_sec);
}

void append_duration(Line& line, std::chrono::nanoseconds duration) {
  const double milliseconds = std::chrono::duration<double, std::milli>(duration).count();
  const auto out = std::back_inserter(line);
  if (milliseconds < 10) {
    fmt::format_to(out, "{:.1f} ms", milliseconds);
  } else if (milliseconds < 10'000) {
    fmt::format_to(out, "{:.0f} ms", milliseconds);
  } else {
    fmt::format_to(out, "{:.0f} s", milliseconds / 1000);
  }
}

void append_size(Line& line, std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
  constexpr double kStep = 1024;
  const auto out = std::back_inserter(line);
  if (static_cast<double>(bytes) < kStep) {
    fmt::format_to(out, "{} B", bytes);
    return;
  }
  double size = static_cast<double>(bytes) / kStep;
  std::size_t unit = 0;
  while (size >= kStep && unit + 1 < kUnits.size()) size /= kStep, ++unit;
  fmt::format_to(out, "{:.1f} {}", size, kUnits[unit]);
}

void append_request(Line& line, std::string_view text) {
  append_quoted(line, text.empty() ? "-" : text);
}

void append_line(Line& line, const AccessRecord& record, Time now, std::string_view color) {
  append_clock(line, now);
  append(line, " ");
  append(line, color);
  fmt::format_to(std::back_inserter(line), "{}", record.status);
  append(line, color.empty() ? "" : kPlain);
  append(line, " ");
  append_request(line, record.method);
  append(line, " ");
  append_request(line, record.uri);
  append(line, "  ");
  append_duration(line, record.queued + record.running);
  append(line, ", ");
  append_size(line, record.body_bytes);
}

}  // namespace

void append_brief(Line& line, const AccessRecord& record, Time now) {
  append_line(line, record, now, "");
}

void append_brief_color(Line& line, const AccessRecord& record, Time now) {
  const unsigned digit = record.status / 100;
  append_line(line, record, now, digit < kColors.size() ? kColors[digit] : "");
}

}  // namespace appd::logging
