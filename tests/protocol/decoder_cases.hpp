#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "protocol/event_log.hpp"

namespace doctest {
template <>
struct StringMaker<std::vector<std::string>> {
  static String convert(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += "\n      " + line;
    return text.c_str();
  }
};
}  // namespace doctest

namespace appd::protocol::testing {

/// Feeds the case at every chunk size from one byte to all of it.
inline void check_case(Wire wire, const DecoderCase& each) {
  CAPTURE(each.name);
  for (std::size_t chunk = 1; chunk <= std::max<std::size_t>(each.bytes.size(), 1); ++chunk) {
    CAPTURE(chunk);
    const auto log = decode(wire, each.bytes, chunk, each.driving);
    REQUIRE_EQ(log.events, each.events);
    REQUIRE_EQ(log.breach, "");
    REQUIRE_EQ(log.inside_head, each.inside_head);
    REQUIRE_EQ(log.owes_body, each.owes_body);
  }
}

inline void check_cases(Wire wire, const std::vector<DecoderCase>& cases) {
  for (const auto& each : cases) check_case(wire, each);
}

}  // namespace appd::protocol::testing
