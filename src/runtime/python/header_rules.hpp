// Rules for the status and headers of a response.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace appd::python {

/// What a status line and a header may be (PEP 3333 "The start_response() Callable", RFC 9110
/// sections 5 and 15, and what front servers make of the rest). Pure functions of bytes.

/// The code of "200 OK": 200. std::nullopt unless `status` is three digits from 200 to 999, alone
/// or followed by one space and a reason without control bytes and without spaces at its ends.
std::optional<unsigned> parse_status(std::string_view status) noexcept;

/// A token (RFC 9110, 5.6.2).
bool is_header_name(std::string_view name) noexcept;

/// No control bytes, not even a tab, as WSGI demands. CR, LF and NUL would split the response.
bool is_header_value(std::string_view value) noexcept;

/// Headers that belong to the server's side of the connection, and Status.
bool is_servers_own(std::string_view name) noexcept;

bool is_content_length(std::string_view name) noexcept;

/// X-Accel-Redirect and X-Sendfile: the server or the front sends a file in the body's place.
bool names_file_for_server(std::string_view name) noexcept;

/// Digits only, in range.
std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept;

/// 204 and 304, for which no body may be sent, and 205, whose body is empty.
bool has_no_body(unsigned status) noexcept;

}  // namespace appd::python
