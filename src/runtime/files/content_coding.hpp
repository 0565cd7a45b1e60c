// The field Accept-Encoding: which compressed forms of a file a client takes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace appd::files {

/// Those that static files can have, the preferred first. What was compressed with Zstandard must
/// do with a window of 8 MiB (RFC 9659).
enum class ContentCoding : std::uint8_t { zstd, br, gzip };

struct CodingNames {
  std::string_view token;      ///< in Accept-Encoding and Content-Encoding
  std::string_view extension;  ///< of a compressed file beside the file itself
  std::string_view suffix;     ///< of its entity tag
};

inline constexpr std::array<CodingNames, 3> kCodings{
    {{"zstd", ".zst", "-zst"}, {"br", ".br", "-br"}, {"gzip", ".gz", "-gz"}}};

constexpr const CodingNames& names_of(ContentCoding coding) noexcept {
  return kCodings[static_cast<std::size_t>(coding)];
}

/// The codings that a client prefers to the file as it is, the best first, from the value of
/// Accept-Encoding (RFC 9110 section 12.5.3). None without the field. An item whose weight is
/// malformed does not count. The file as it is remains the last resort, even if the client excludes
/// it ("identity;q=0"): a body helps it more than a 406.
std::vector<ContentCoding> preferred_codings(std::string_view accept_encoding);

}  // namespace appd::files
