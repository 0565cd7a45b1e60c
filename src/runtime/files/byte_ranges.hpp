// The field Range: which parts of a file a client wants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace appd::files {

struct ByteRange {
  std::uint64_t offset;
  std::uint64_t length;  ///< at least 1

  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// What a Range asks for.
struct WantedRanges {
  enum class Kind : std::uint8_t {
    whole,          ///< all of the file: the field is missing or does not count
    some,           ///< `ranges`
    unsatisfiable,  ///< none of the ranges is in the file: 416
  };
  Kind kind = Kind::whole;
  std::vector<ByteRange> ranges;  ///< within the file, in the client's order; no two share a byte
};

/// With more ranges the field does not count.
inline constexpr std::size_t kMostRanges = 16;

/// Reads the value of Range for a file of `size` bytes (RFC 9110 section 14.1.2). Unknown units and
/// malformed values do not count. Neither do ranges that overlap: the response is never longer than
/// the file, but for the heads of at most kMostRanges parts.
WantedRanges parse_ranges(std::string_view value, std::uint64_t size);

}  // namespace appd::files
