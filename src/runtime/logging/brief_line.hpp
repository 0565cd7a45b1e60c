// A line of the access log for a person at a terminal.
#pragma once

#include <chrono>

#include "runtime/gateway/reporter.hpp"
#include "runtime/logging/line.hpp"

namespace appd::logging {

/// "12:03:44 200 GET /items?page=2  12 ms, 4.1 KiB", with the local time.
void append_brief(Line& line, const gateway::AccessRecord& record,
                  std::chrono::system_clock::time_point now);

/// The same with the status in a color of its class: 2xx green, 3xx cyan, 4xx yellow, 5xx red.
void append_brief_color(Line& line, const gateway::AccessRecord& record,
                        std::chrono::system_clock::time_point now);

}  // namespace appd::logging
