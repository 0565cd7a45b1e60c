// The Date of HTTP responses.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "runtime/support/http_date.hpp"

namespace appd::net {

/// The present date, formatted once a second in each thread. Valid until the thread calls again.
inline std::string_view current_date() {
  thread_local std::time_t second = 0;
  thread_local std::string date;
  if (const std::time_t now = std::time(nullptr); now != second) {
    date = support::format_http_date(now);
    second = now;
  }
  return date;
}

}  // namespace appd::net
