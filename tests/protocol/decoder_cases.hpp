// Tables of decoder input, fed at every chunk size.
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
template <>
struct StringMaker<std::vector<std::size_t>> {
  static String convert(const std::vector<std::size_t>& numbers) {
    std::string text;
    for (const auto number : numbers) text += std::to_string(number) + " ";
    return text.c_str();
  }
};
}  // namespace doctest

namespace appd::protocol::testing {

/// Feeds the case at every chunk size, from one byte to all of it.
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

/// The numbers of bytes of `bytes` that the decoder has when `holds` is true of it, fed at once or
/// one by one.
template <typename Holds>
std::vector<std::size_t> sizes_when(Wire wire, std::string_view bytes, const Driving& driving,
                                    Holds holds) {
  std::vector<std::size_t> sizes;
  Driver one_by_one(wire, driving);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    if (size > 0) one_by_one.feed(bytes.substr(size - 1, 1));
    Driver at_once(wire, driving);
    at_once.feed(bytes.substr(0, size));
    const bool held = holds(at_once.decoder());
    CAPTURE(size);
    REQUIRE_EQ(holds(one_by_one.decoder()), held);
    if (held) sizes.push_back(size);
  }
  return sizes;
}

/// The numbers of bytes after which the decoder holds request `id` and nothing else.
inline std::vector<std::size_t> held_alone(Wire wire, std::string_view bytes, RequestId id,
                                           const Driving& driving = {
                                               .release = Driving::Release::never}) {
  return sizes_when(wire, bytes, driving,
                    [id](const Decoder& decoder) { return decoder.holds_only(id); });
}

/// The numbers of bytes after which the decoder holds nothing of the connection.
inline std::vector<std::size_t> held_nothing(Wire wire, std::string_view bytes,
                                             Driving::Release release = Driving::Release::at_end) {
  return sizes_when(wire, bytes, {.release = release},
                    [](const Decoder& decoder) { return decoder.holds_nothing(); });
}

}  // namespace appd::protocol::testing
