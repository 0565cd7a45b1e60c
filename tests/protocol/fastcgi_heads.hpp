// Heads of FastCGI requests, the decoder's replies, and ways to drive it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/event_log.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol::testing {

/// The variables of most heads.
inline const std::string kPairs = fastcgi_pairs({{"A", "1"}});

/// A request up to the end of its variables.
inline std::string head(unsigned id, unsigned flags = kClose, std::string_view pairs = kPairs) {
  return begin(id, flags) + params(id, pairs) + params(id, "");
}

inline std::string announcing(std::string_view length) {
  return fastcgi_pairs({{"CONTENT_LENGTH", length}});
}

/// A reply as an EventLog has it.
inline std::string reply(const char* keep, std::string_view bytes) {
  return std::string("reply ") + keep + " " + hex(bytes);
}

inline Driving limited(std::size_t max_params, std::size_t max_requests = 64) {
  Driving driving;
  driving.limits.max_params = max_params;
  driving.limits.max_requests = max_requests;
  return driving;
}

/// No request is released.
inline Driving holding() {
  Driving driving;
  driving.release = Driving::Release::never;
  return driving;
}

}  // namespace appd::protocol::testing
