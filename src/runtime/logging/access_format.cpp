// Compiles a format of the access log into fields, and writes lines with it.

#include "runtime/logging/access_format.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "runtime/logging/brief_line.hpp"

namespace appd::logging {
namespace {

using gateway::AccessRecord;
using Time = std::chrono::system_clock::time_point;

/// A field in quotation marks; it may contain blanks.
void append_value(Line& line, std::string_view value) {
  append_quoted(line, value.empty() ? "-" : value);
}

/// A field that ends at the next blank. A client's text ("-", "a b") must not look like an empty
/// field or like two fields.
void append_word(Line& line, std::string_view value) {
  if (value.empty())
    value = "-";
  else if (value == "-")
    return append_escaped(line, value);
  for (std::size_t blank = value.find(' '); blank != std::string_view::npos;
       blank = value.find(' ')) {
    append_quoted(line, value.substr(0, blank));
    append_escaped(line, " ");
    value.remove_prefix(blank + 1);
  }
  append_quoted(line, value);
}

void append_number(Line& line, std::uint64_t number) {
  fmt::format_to(std::back_inserter(line), "{}", number);
}

void append_milliseconds(Line& line, std::chrono::nanoseconds duration) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  fmt::format_to(std::back_inserter(line), "{}.{:03}", micros / 1000, micros % 1000);
}

struct Placeholder {
  std::string_view name;
  void (*append)(Line&, const AccessRecord&, Time);
  /// Null if it looks the same in quotation marks.
  void (*append_quoted)(Line&, const AccessRecord&, Time) = nullptr;
};

constexpr std::array<Placeholder, 16> kPlaceholders{{
    {"remote", [](Line& l, const AccessRecord& r, Time) { append_word(l, r.remote_address); }},
    {"user", [](Line& l, const AccessRecord& r, Time) { append_word(l, r.remote_user); }},
    {"method", [](Line& l, const AccessRecord& r, Time) { append_word(l, r.method); }},
    {"uri", [](Line& l, const AccessRecord& r, Time) { append_word(l, r.uri); }},
    {"protocol", [](Line& l, const AccessRecord& r, Time) { append_word(l, r.protocol); }},
    {"host", [](Line& l, const AccessRecord& r, Time) { append_word(l, r.host); }},
    {"referer", [](Line& l, const AccessRecord& r, Time) { append_word(l, r.referer); },
     [](Line& l, const AccessRecord& r, Time) { append_value(l, r.referer); }},
    {"agent", [](Line& l, const AccessRecord& r, Time) { append_word(l, r.user_agent); },
     [](Line& l, const AccessRecord& r, Time) { append_value(l, r.user_agent); }},
    {"status", [](Line& l, const AccessRecord& r, Time) { append_number(l, r.status); }},
    {"bytes", [](Line& l, const AccessRecord& r, Time) { append_number(l, r.body_bytes); }},
    {"queue_ms", [](Line& l, const AccessRecord& r, Time) { append_milliseconds(l, r.queued); }},
    {"app_ms", [](Line& l, const AccessRecord& r, Time) { append_milliseconds(l, r.running); }},
    {"time", [](Line& l, const AccessRecord&, Time now) { append_common_time(l, now); }},
    {"time_iso", [](Line& l, const AccessRecord&, Time now) { append_iso_time(l, now); }},
    {"brief", append_brief},
    {"brief_color", append_brief_color},
}};

const Placeholder& find(std::string_view name) {
  std::string known;
  for (const Placeholder& placeholder : kPlaceholders) {
    if (placeholder.name == name) return placeholder;
    known.append(known.empty() ? "{" : ", {").append(placeholder.name).append("}");
  }
  throw std::invalid_argument(
      fmt::format("access log format: unknown placeholder {{{}}}; known are {}", name, known));
}

[[noreturn]] void throw_unpaired(char brace) {
  throw std::invalid_argument(fmt::format(
      "access log format: unmatched '{0}' (write '{0}{0}' for a literal '{0}')", brace));
}

}  // namespace

AccessFormat::AccessFormat(std::string_view format) {
  bool quoted = false;
  while (!format.empty()) {
    const std::size_t at = std::min(format.find_first_of("{}"), format.size());
    const std::string_view literal = format.substr(0, at);
    tail_.append(literal);
    if (std::count(literal.begin(), literal.end(), '"') % 2 != 0) quoted = !quoted;
    format.remove_prefix(at);
    if (format.empty()) break;

    const char brace = format[0];
    const std::size_t end = format.find('}');
    if (format.size() > 1 && format[1] == brace) {
      tail_.push_back(brace);
      format.remove_prefix(2);
    } else if (brace == '}' || end == std::string_view::npos) {
      throw_unpaired(brace);
    } else {
      const Placeholder& placeholder = find(format.substr(1, end - 1));
      const bool keeps_blanks = quoted && placeholder.append_quoted != nullptr;
      parts_.push_back({std::exchange(tail_, {}),
                        keeps_blanks ? placeholder.append_quoted : placeholder.append});
      format.remove_prefix(end + 1);
    }
  }
}

void AccessFormat::append(Line& line, const AccessRecord& record, Time now) const {
  for (const Part& part : parts_) {
    line.append(part.literal.data(), part.literal.data() + part.literal.size());
    part.append_field(line, record, now);
  }
  line.append(tail_.data(), tail_.data() + tail_.size());
}

}  // namespace appd::logging
