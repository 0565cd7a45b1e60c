// The Date of HTTP responses.
#pragma once

#include <ctime>
#include <string_view>

#include "runtime/support/http_date.hpp"

namespace appd::net {

/// The present date, formatted once a second in each thread. Valid until the thread calls again.
inline std::string_view current_date() noexcept {
  thread_local std::time_t second = 0;
  thread_local support::HttpDate date(0);
  if (const std::time_t now = std::time(nullptr); now != second) {
    date = support::HttpDate(now);
    second = now;
  }
  return date.text();
}

}  // namespace appd::net
