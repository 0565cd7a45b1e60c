// Formats a date without looking at the locale.

#include "runtime/support/http_date.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace appd::support {
namespace {

constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

HttpDate::HttpDate(std::time_t time) noexcept {
  constexpr std::time_t kFirst = -62167219200;  // of the year 0
  constexpr std::time_t kLast = 253402300799;   // of the year 9999
  const std::time_t shown = std::clamp(time, kFirst, kLast);
  std::tm utc{};
  ::gmtime_r(&shown, &utc);
  fmt::format_to_n(text_.data(), kSize, "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                   kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                   kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                   utc.tm_min, utc.tm_sec);
}

}  // namespace appd::support
