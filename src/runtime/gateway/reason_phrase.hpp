// Reason phrases of HTTP statuses.
#pragma once

#include <string_view>

namespace appd::gateway {

/// The reason phrase of a status from 200 on (IANA's registry of HTTP status codes; RFC 9110
/// section 15); "Unknown" if the registry has none.
std::string_view reason_phrase(unsigned status) noexcept;

}  // namespace appd::gateway
