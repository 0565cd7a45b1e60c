// The building blocks of a log line.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string_view>

namespace appd::logging {

/// A log line under construction; on the stack unless it is long.
using Line = fmt::basic_memory_buffer<char, 1024>;

/// Appends `text` so that it can neither end the line nor control a terminal: control characters
/// and bytes that are not UTF-8 become \xNN.
void append_text(Line& line, std::string_view text);

/// Appends `text` for a place between double quotes: '"', '\' and everything but printable ASCII
/// become \xNN.
void append_quoted(Line& line, std::string_view text);

/// Appends each byte of `text` as \xNN.
void append_escaped(Line& line, std::string_view text);

/// "2026-11-20T09:31:26.123Z"
void append_iso_time(Line& line, std::chrono::system_clock::time_point time);

/// "20/Nov/2026:09:31:26 +0000", as in the common log format.
void append_common_time(Line& line, std::chrono::system_clock::time_point time);

}  // namespace appd::logging
