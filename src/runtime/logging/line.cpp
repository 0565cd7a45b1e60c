// Escapes text for log lines and formats times.

#include "runtime/logging/line.hpp"

#include <array>
#include <cstddef>
#include <iterator>

namespace appd::logging {
namespace {

void append(Line& line, std::string_view text) {
  line.append(text.data(), text.data() + text.size());
}

bool is_printable_ascii(unsigned char byte) noexcept {
  return byte >= 0x20 && byte < 0x7f;
}

struct Utf8Rule {
  unsigned char first_lead, last_lead;
  unsigned char first_second, last_second;  // allowed range of the byte after the lead
  std::size_t size;
};

// Unicode 15, table 3-7, without U+0080 to U+009F: terminals take those for control sequences.
constexpr std::array<Utf8Rule, 9> kUtf8Rules{{{0xc2, 0xc2, 0xa0, 0xbf, 2},
                                              {0xc3, 0xdf, 0x80, 0xbf, 2},
                                              {0xe0, 0xe0, 0xa0, 0xbf, 3},
                                              {0xe1, 0xec, 0x80, 0xbf, 3},
                                              {0xed, 0xed, 0x80, 0x9f, 3},
                                              {0xee, 0xef, 0x80, 0xbf, 3},
                                              {0xf0, 0xf0, 0x90, 0xbf, 4},
                                              {0xf1, 0xf3, 0x80, 0xbf, 4},
                                              {0xf4, 0xf4, 0x80, 0x8f, 4}}};

bool fits(const Utf8Rule& rule, std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < rule.first_lead || byte(0) > rule.last_lead || text.size() < rule.size)
    return false;
  if (byte(1) < rule.first_second || byte(1) > rule.last_second) return false;
  for (std::size_t i = 2; i < rule.size; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return false;
  }
  return true;
}

// The size of the character at the beginning of `text`; 0 if it must not be printed unescaped.
std::size_t printable_size(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text.front());
  if (is_printable_ascii(lead) || lead == '\t') return 1;
  for (const Utf8Rule& rule : kUtf8Rules) {
    if (fits(rule, text)) return rule.size;
  }
  return 0;
}

void append_escape(Line& line, char byte) {
  fmt::format_to(std::back_inserter(line), "\\x{:02x}", static_cast<unsigned char>(byte));
}

struct CivilTime {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> time;
};

// Not gmtime_r: it takes glibc's time-zone lock, which a fork in the application may leave locked.
CivilTime to_civil(std::chrono::system_clock::time_point time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  return {std::chrono::year_month_day(day),
          std::chrono::hh_mm_ss(std::chrono::floor<std::chrono::milliseconds>(time - day))};
}

}  // namespace

void append_text(Line& line, std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = printable_size(text);
    if (size == 0) {
      append_escape(line, text.front());
    } else {
      append(line, text.substr(0, size));
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

void append_quoted(Line& line, std::string_view text) {
  for (const char byte : text) {
    const bool plain = is_printable_ascii(static_cast<unsigned char>(byte));
    if (plain && byte != '"' && byte != '\\') {
      line.push_back(byte);
    } else {
      append_escape(line, byte);
    }
  }
}

void append_escaped(Line& line, std::string_view text) {
  for (const char byte : text) append_escape(line, byte);
}

void append_iso_time(Line& line, std::chrono::system_clock::time_point time) {
  const CivilTime civil = to_civil(time);
  fmt::format_to(std::back_inserter(line), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 static_cast<int>(civil.date.year()), static_cast<unsigned>(civil.date.month()),
                 static_cast<unsigned>(civil.date.day()), civil.time.hours().count(),
                 civil.time.minutes().count(), civil.time.seconds().count(),
                 civil.time.subseconds().count());
}

void append_common_time(Line& line, std::chrono::system_clock::time_point time) {
  static constexpr std::array<std::string_view, 12> kMonths{
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const CivilTime civil = to_civil(time);
  fmt::format_to(std::back_inserter(line), "{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000",
                 static_cast<unsigned>(civil.date.day()),
                 kMonths[static_cast<unsigned>(civil.date.month()) - 1],
                 static_cast<int>(civil.date.year()), civil.time.hours().count(),
                 civil.time.minutes().count(), civil.time.seconds().count());
}

}  // namespace appd::logging
