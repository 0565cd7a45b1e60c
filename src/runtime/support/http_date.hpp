// Dates as HTTP writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace appd::support {

/// Seconds since 1970 (UTC).
using Seconds = std::int64_t;

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). "" before 1970 and after 9999.
std::string format_http_date(Seconds time);

/// Reads any of the three forms that HTTP has had: the above, "Sunday, 06-Nov-94 08:49:37 GMT" and
/// "Sun Nov  6 08:49:37 1994". std::nullopt for anything else, and before 1970. Years of two digits
/// are those from 1970 to 2069. Whether the day of the week is right does not matter.
std::optional<Seconds> parse_http_date(std::string_view text) noexcept;

}  // namespace appd::support
