// Reads and writes dates without a locale.

#include "runtime/support/http_date.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "runtime/support/ascii.hpp"

namespace appd::support {
namespace {

using Names = std::array<std::string_view, 7>;
constexpr Names kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr Names kLongDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                          "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr Seconds kEnd = 253'402'300'800;  // the year 10000

/// The parts of a date, read from the left. What does not fit makes all of it invalid.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : text_(text) {}

  void literal(std::string_view expected) noexcept { check(take(expected.size()) == expected); }
  /// Digits; a blank may stand for the first one.
  int number(std::size_t digits, bool blank_first = false) noexcept {
    std::string_view taken = take(digits);
    if (blank_first && taken.starts_with(' ')) taken.remove_prefix(1);
    check(support::is_digits(taken));
    int value = 0;
    for (const char c : taken) value = value * 10 + (c - '0');
    return value;
  }
  void month() noexcept {
    const auto found = std::find(kMonths.begin(), kMonths.end(), take(3));
    check(found != kMonths.end());
    month_ = static_cast<unsigned>(found - kMonths.begin()) + 1;
  }
  void day(bool blank_first = false) noexcept { day_ = number(2, blank_first); }
  void year() noexcept { year_ = number(4); }
  void short_year() noexcept {
    const int year = number(2);
    year_ = year + (year < 70 ? 2000 : 1900);
  }
  void time() noexcept {
    const int hour = number(2);
    literal(":");
    const int minute = number(2);
    literal(":");
    const int second = number(2);  // 60 is a leap second
    check(hour < 24 && minute < 60 && second <= 60);
    seconds_ = (hour * 60 + minute) * 60 + second;
  }

  std::optional<Seconds> result() const noexcept {
    using namespace std::chrono;
    const year_month_day date(std::chrono::year(year_), std::chrono::month(month_),
                              std::chrono::day(static_cast<unsigned>(day_)));
    if (!valid_ || !text_.empty() || !date.ok() || year_ < 1970) return std::nullopt;
    const Seconds days = sys_days(date).time_since_epoch().count();
    return days * 86'400 + seconds_;
  }

 private:
  std::string_view take(std::size_t size) noexcept {
    const std::string_view taken = text_.substr(0, size);
    text_.remove_prefix(taken.size());
    return taken;
  }
  void check(bool holds) noexcept { valid_ = valid_ && holds; }

  std::string_view text_;
  bool valid_ = true;
  int year_ = 0;
  unsigned month_ = 0;
  int day_ = 0;
  int seconds_ = 0;
};

/// "06 Nov 1994 08:49:37 GMT"
std::optional<Seconds> parse_fixed(std::string_view text) noexcept {
  Reader reader(text);
  reader.day();
  reader.literal(" ");
  reader.month();
  reader.literal(" ");
  reader.year();
  reader.literal(" ");
  reader.time();
  reader.literal(" GMT");
  return reader.result();
}

/// "06-Nov-94 08:49:37 GMT"
std::optional<Seconds> parse_rfc850(std::string_view text) noexcept {
  Reader reader(text);
  reader.day();
  reader.literal("-");
  reader.month();
  reader.literal("-");
  reader.short_year();
  reader.literal(" ");
  reader.time();
  reader.literal(" GMT");
  return reader.result();
}

/// "Nov  6 08:49:37 1994"
std::optional<Seconds> parse_asctime(std::string_view text) noexcept {
  Reader reader(text);
  reader.month();
  reader.literal(" ");
  reader.day(true);
  reader.literal(" ");
  reader.time();
  reader.literal(" ");
  reader.year();
  return reader.result();
}

bool is_one_of(const Names& names, std::string_view name) noexcept {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string format_http_date(Seconds time) {
  using namespace std::chrono;
  if (time < 0 || time >= kEnd) return "";
  const sys_days day = floor<days>(sys_seconds(seconds(time)));
  const year_month_day date(day);
  const Seconds second = time % 86'400;
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), second / 3600, second / 60 % 60, second % 60);
}

std::optional<Seconds> parse_http_date(std::string_view text) noexcept {
  const std::size_t comma = text.find(", ");
  if (comma != std::string_view::npos) {
    const std::string_view day = text.substr(0, comma);
    const std::string_view date = text.substr(comma + 2);
    if (is_one_of(kDays, day)) return parse_fixed(date);
    return is_one_of(kLongDays, day) ? parse_rfc850(date) : std::nullopt;
  }
  const bool asctime = is_one_of(kDays, text.substr(0, 3)) && text.substr(3, 1) == " ";
  return asctime ? parse_asctime(text.substr(4)) : std::nullopt;
}

}  // namespace appd::support
